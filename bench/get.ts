/** `get` of one field in a Map of a million users, against `Map.get` and lmdb. */

import { seeded } from './document.ts'
import { inTurn, ratioOf, type Side } from './rounds.ts'
import { digits, report, type Row } from './rows.ts'
import { LMDB_MISSING, lmdbOfUsers, storeOfUsers, USERS, userKeys, usersOfKeys } from './users.ts'

const READS = 200_000
const ROUNDS = 11

const keys = userKeys()
const users = usersOfKeys(keys)
const store = storeOfUsers(users)
const lmdb = lmdbOfUsers(users)
const random = seeded(3)
let asked: string[] = []
/** Kept small: a variable that outgrows 31 bits would cost each side an allocation a turn. */
let sum = 0

/** Strings that nobody has hashed yet, as a request handler has. */
function build(): void {
  asked = Array.from({ length: READS }, () => `user:${Math.floor(random() * USERS)}`)
}

function choose(): void {
  asked = Array.from({ length: READS }, () => keys[Math.floor(random() * USERS)] as string)
}

function sides(prepare: () => void): Record<'ours' | 'map' | 'lmdb', Side> {
  return {
    ours: {
      prepare,
      run() {
        for (const key of asked) sum = (sum + (store.get(key, 'score') ?? 0)) | 0
      },
    },
    map: {
      prepare,
      run() {
        for (const key of asked) sum = (sum + (users.get(key)?.score ?? 0)) | 0
      },
    },
    lmdb: {
      prepare,
      run() {
        if (lmdb !== undefined)
          for (const key of asked) sum = (sum + (lmdb.db.get(key)?.score ?? 0)) | 0
      },
    },
  }
}

const ns = (ms: number) => `${((ms * 1e6) / READS).toFixed(0)} ns`
const how = `${ROUNDS} rounds of ${READS.toLocaleString('en')} random keys in turn; medians`

const built = inTurn(sides(build), { rounds: ROUNDS, warm: 3 })
const constant = inTurn(sides(choose), { rounds: ROUNDS, warm: 3 })
const [builtRatio, constantRatio] = [
  ratioOf(built.ours, built.map),
  ratioOf(constant.ours, constant.map),
]
const rows: Row[] = [
  {
    job: '`get` of one field in a Map of 1 M, keys just built',
    reached:
      `${digits(builtRatio)} × \`Map.get\` (${ns(built.ours.median)} to ` +
      `${ns(built.map.median)})`,
    goal: '≤ 0.9 × `Map.get`',
    met: builtRatio <= 0.9,
    how,
  },
  {
    job: '`get` of one field in a Map of 1 M, constant keys',
    reached:
      `${digits(constantRatio)} × \`Map.get\` (${ns(constant.ours.median)} to ` +
      `${ns(constant.map.median)})`,
    goal: '≤ 2.5 × `Map.get`',
    met: constantRatio <= 2.5,
    how,
  },
]
if (lmdb === undefined) {
  console.log(`\`get\` in a Map of 1 M: ${LMDB_MISSING}`)
} else {
  const faster = 1 / ratioOf(built.ours, built.lmdb)
  rows.push({
    job: '`get` of one field in a Map of 1 M, keys just built',
    reached: `${digits(faster, 1)} × faster than lmdb (${ns(built.lmdb.median)})`,
    goal: '≥ 5 × faster than lmdb, `noSync, compression: false, encoding: msgpack`',
    met: faster >= 5,
    how,
  })
}
if (sum === 0) throw new TypeError('nothing was read')
await lmdb?.remove()
store.close()
report(rows)
