/** The Map of a million users, and lmdb with the same users where it is installed. */

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStore, type Store } from '../src/index.ts'

export const USERS = 1_000_000

export interface User {
  readonly id: number
  readonly score: number
}

export type Users = Map<string, User>

export const usersOfKeys = (keys: readonly string[]): Users =>
  new Map(keys.map((key, id) => [key, { id, score: id * 2 }]))

export const userKeys = (): string[] => Array.from({ length: USERS }, (_, id) => `user:${id}`)

export function storeOfUsers(users: Users): Store<Users> {
  return createStore(users, { maxBytes: 1024 * 2 ** 20 })
}

/** What is used of lmdb. */
export interface Lmdb {
  get(key: string): User | undefined
  putSync(key: string, value: User): unknown
  transactionSync(work: () => void): void
  close(): Promise<void>
}

/** An lmdb in the configuration that the goals name, and what removes it; undefined where the
 *  package is not installed: `npm ci --ignore-scripts --prefix bench`. */
export function lmdbOfUsers(users: Users): { db: Lmdb; remove(): Promise<void> } | undefined {
  const open = openLmdb()
  if (open === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'rootswap-lmdb-'))
  const path = join(folder, 'data.mdb')
  const db = open({ path, noSync: true, compression: false, encoding: 'msgpack' })
  db.transactionSync(() => {
    for (const [key, user] of users) db.putSync(key, user)
  })
  return {
    db,
    async remove() {
      await db.close()
      rmSync(folder, { recursive: true })
    },
  }
}

export const LMDB_MISSING =
  'skipped against lmdb, which is not installed (`npm ci --ignore-scripts --prefix bench`)'

function openLmdb(): ((options: object) => Lmdb) | undefined {
  const require = createRequire(new URL('../../bench/package.json', import.meta.url))
  try {
    return (require('lmdb') as { open: (options: object) => Lmdb }).open
  } catch (error) {
    if ((error as { code?: string }).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
