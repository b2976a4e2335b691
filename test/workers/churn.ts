/** A document of every type of value, and edits that leave no part of it as it was. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { openStore, type Store, type StoreHandle } from '../../src/index.ts'

export interface Row {
  id: number
  name: string
  tags: unknown[]
  when: Date
}

export interface Document {
  title: string
  rows: Row[]
  byName: Record<string, Row>
  users: Map<unknown, Row>
  nested: Map<string, Map<number, Set<unknown>>>
  members: Set<unknown>
  bytes: Uint8Array
  big: bigint
}

/** Beyond what objects and arrays of one block hold. */
const SIZE = 1100

export interface ChurnData {
  readonly handle: StoreHandle<Document>
  readonly seed: number
}

const row = (id: number, name: string): Row => ({
  id,
  name: `${name} number ${id}`,
  tags: [`tag ${id % 7}`, { deep: [id, name] }],
  when: new Date(id * 1000),
})

/** The same keys for each mark, and nothing else the same. */
export function documentOf(mark = 0): Document {
  const ids = Array.from({ length: SIZE }, (_, index) => index)
  return {
    title: `document ${mark}`,
    rows: ids.map((id) => row(id, `row ${mark}`)),
    byName: Object.fromEntries(ids.map((id) => [`name ${id}`, row(id, `named ${mark}`)])),
    users: new Map(ids.map((id) => [id % 2 ? id : `user ${id}`, row(id, `user ${mark}`)])),
    nested: new Map(
      ids.slice(0, 20).map((id) => [`n${id}`, new Map([[id, new Set([id, `${mark}`])]])]),
    ),
    members: new Set(ids.map((id) => (id % 3 ? id : `member ${id}`))),
    bytes: Uint8Array.from(ids),
    big: BigInt(mark) ** 20n,
  }
}

export function randomFrom(first: number): () => number {
  let state = first | 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32
  }
}

/** One publish. */
export function churn(store: Store<Document>, random: () => number, step: number): void {
  const pick = (): number => Math.floor(random() * SIZE)
  const id = pick()
  switch (step % 10) {
    case 0:
      return void store.set(['rows', id], row(step, 'new'))
    case 1:
      return void store.set(['byName', `name ${id}`, 'tags', 0], `changed at ${step}`)
    case 2:
      return void store.set(['users', `user ${id & ~1}`], row(step, 'new user'))
    case 3:
      return void store.update((draft) => {
        draft.members.delete(id)
        draft.members.add(`added ${step % 500}`)
        draft.nested.set(`n${id % 20}`, new Map([[step, new Set([step])]]))
      })
    case 4:
      return void store.update((draft) => {
        const [moved] = draft.rows.splice(Math.max(id, SIZE - 20), 1)
        if (moved !== undefined) draft.rows.push(moved)
      })
    case 5:
      return void store.update((draft) => {
        const kept = draft.users.get(id | 1)
        draft.users.delete(id | 1)
        draft.users.set(id | 1, kept ?? row(step, 'back'))
      })
    case 6:
      return void store.update((draft) => {
        delete draft.byName[`name ${id}`]
        draft.byName[`name ${id}`] = row(step, 'again')
      })
    case 7:
      return void store.set(
        ['bytes'],
        Uint8Array.from({ length: SIZE }, () => step % 256),
      )
    case 8:
      return void store.set(['big'], BigInt(step) ** 5n)
    default:
      if (step % 20_000 === 19_999) return void store.replace(documentOf(step))
      return void store.set(['title'], `at ${step}`)
  }
}

if (!isMainThread && (workerData as Partial<ChurnData> | null)?.handle !== undefined) {
  const { handle, seed } = workerData as ChurnData
  const store = openStore(handle)
  const random = randomFrom(seed)
  let step = 0
  parentPort!.on('message', (publishes: number) => {
    for (const end = step + publishes; step < end; step++) churn(store, random, step)
    parentPort!.postMessage(store.version)
  })
}
