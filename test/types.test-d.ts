/**
 * The public types, pinned: `npm run types` compiles this file; each `@ts-expect-error` is an error
 * that a user must get. Nothing here runs.
 */

import {
  type Change,
  createStore,
  type Immutable,
  type JsonPatch,
  openStore,
  type Patch,
  type Store,
  type StoreHandle,
  type StoreOptions,
  toJsonPatch,
} from '../src/index.ts'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function expectType<Expected>() {
  return <Found>(_found: Found, _same: Equal<Found, Expected>): void => {}
}

interface Config {
  server: { http: { port: number; host?: string } }
  features: Record<string, { on: boolean }>
  list: { id: number }[]
  pair: [number, string]
  maybe?: { deep: { x: 1 } }
  six: { b: { c: { d: { e: { f: boolean } } } } }
  seven: { b: { c: { d: { e: { f: { g: string } } } } } }
}

declare const initial: Config
declare const print: (found: unknown) => void
const store = createStore(initial)

// get: typed to depth 6, unknown beyond, `undefined` where a key may be missing
expectType<number>()(store.get('server', 'http', 'port'), true)
expectType<string | undefined>()(store.get('server', 'http', 'host'), true)
expectType<boolean | undefined>()(store.get('features', 'dark', 'on'), true)
expectType<number | undefined>()(store.get('list', 3, 'id'), true)
expectType<{ readonly x: 1 } | undefined>()(store.get('maybe', 'deep'), true)
expectType<boolean>()(store.get('six', 'b', 'c', 'd', 'e', 'f'), true)
expectType<unknown>()(store.get('seven', 'b', 'c', 'd', 'e', 'f', 'g'), true)
// @ts-expect-error a typo
store.get('server', 'htpt')
// @ts-expect-error a key of the wrong type
store.get('list', 'three')
// @ts-expect-error an index may be missing
const surely: { readonly on: boolean } = store.get('features', 'dark')

// current and read: nothing can be changed
expectType<number>()(store.current.server.http.port, true)
// @ts-expect-error
store.current.server.http.port = 1
// @ts-expect-error
store.current.list.push({ id: 1 })
store.read((value, version) => expectType<number>()(value.pair[0] + version, true))

// dates and binary data: private copies, whose types hide the mutators; a slice may be changed
interface Opaque {
  when: Date
  bytes: Uint8Array
  big: BigInt64Array
  buffer: ArrayBuffer
  list: { at: Date }[]
  keyed: Map<number, Float64Array>
}
declare const opaque: Store<Opaque>
const { when, bytes, big, buffer, list, keyed } = opaque.current
expectType<number>()(when.getTime() + bytes[0]! + bytes.length + buffer.byteLength, true)
expectType<bigint | undefined>()(big[0], true)
bytes.slice()[0] = 1
for (const byte of bytes) print(byte + bytes.reduce((sum, each) => sum + each, 0))
new TextDecoder().decode(bytes.slice())
// @ts-expect-error
when.setTime(5)
// @ts-expect-error
list[0]?.at.setUTCHours(1)
// @ts-expect-error
bytes[0] = 1
// @ts-expect-error
big[0] = 1n
// @ts-expect-error
bytes.set([1])
// @ts-expect-error
bytes.fill(0)
// @ts-expect-error
bytes.sort()
// @ts-expect-error
bytes.reverse()
// @ts-expect-error
bytes.copyWithin(0, 1)
// @ts-expect-error
bytes.subarray(1)[0] = 1
// @ts-expect-error
keyed.get(1)?.fill(0)
// @ts-expect-error
buffer.resize(5)
// @ts-expect-error
buffer.transfer()
// @ts-expect-error
bytes.buffer.transfer()
// @ts-expect-error
opaque.get('keyed', 1)?.set([1])
// @ts-expect-error
opaque.get('when').setTime(1)
opaque.update((draft) => {
  draft.when.setTime(5)
  draft.bytes = new Uint8Array(3)
  draft.keyed.get(1)?.fill(0)
})

// Maps and Sets: read-only views
interface Dictionaries {
  users: Map<string, { name: string; tags: Set<string> }>
  odd: Map<number | bigint | null, boolean>
}
declare const dictionaries: Store<Dictionaries>
const { users, odd } = dictionaries.current
expectType<ReadonlySet<string> | undefined>()(users.get('a')?.tags, true)
expectType<string | undefined>()(dictionaries.get('users', 'a', 'name'), true)
expectType<boolean | undefined>()(dictionaries.get('odd', 5n), true)
for (const [key, value] of odd) expectType<boolean>()(value && key !== null, true)
// @ts-expect-error
users.set('a', { name: 'x', tags: new Set() })
// @ts-expect-error
users.get('a')?.tags.add('x')
// @ts-expect-error
users.get('a')!.name = 'x'
// @ts-expect-error a key of the wrong type
dictionaries.get('users', 7)
// @ts-expect-error an entry may be missing
const name: string = dictionaries.get('users', 'a', 'name')
dictionaries.update(({ users }) => {
  users.get('a')?.tags.add('x')
  users.set('b', { name: 'b', tags: new Set() })
  // @ts-expect-error a wrong type
  users.set('c', { name: 1 })
})

// writes
store.update((draft) => {
  draft.server.http.port = 1
  draft.list.push({ id: 1 })
  draft.features['dark'] = { on: true }
})
store.update((draft) => {
  // @ts-expect-error a wrong type
  draft.server.http.port = '1'
})
store.update(() => initial)
// @ts-expect-error an async recipe
store.update(async (draft) => {
  draft.server.http.port = 1
})
store.set(['server', 'http', 'port'], 1)
store.set(['features', 'x'], { on: true }, { ifVersion: 3 })
// @ts-expect-error a wrong type
store.set(['server', 'http', 'port'], '1')
// @ts-expect-error a typo
store.set(['server', 'htp'], 1)
// @ts-expect-error an index is not optional to give
store.set(['features', 'x'], undefined)

// handles carry the type; names do through declaration merging (.ci/consumer.mjs)
const handle: StoreHandle<Config> = store.handle
expectType<number>()(openStore(handle).current.server.http.port, true)
// @ts-expect-error a handle of another value
const other: StoreHandle<{ x: 1 }> = handle

// subscriptions
store.subscribe((change) => expectType<number>()(change.version, true))
store.subscribe(
  (value) => value.server.http.port,
  (port, before) => expectType<number>()(port + (before ?? 0), true),
)

const told = (change: Change<Config>): number => change.value.list.length
store.subscribe(told)
store.subscribe(
  (value) => value.pair,
  (_now, _before, change) => void told(change),
)
const created: StoreOptions = { name: 'x', share: true, maxBytes: 2 ** 20, history: 3, label: 'x' }
createStore(initial, created)

type Changed = ReturnType<typeof store.changes> extends AsyncIterable<infer C> ? C : never
declare const changed: Changed
expectType<number>()(changed.value.server.http.port, true)
expectType<readonly Patch[] | undefined>()(changed.patches, true)
const port = store.subscribe((value) => value.server.http.port, print, { immediate: true })
// @ts-expect-error a selector that reads what is not there
store.subscribe((value) => value.server.htpt, print)
// @ts-expect-error an option that does not exist
store.subscribe(print, { patch: true })
store.subscribe((value) => value.pair[1], print, {
  // @ts-expect-error equals compares what is selected
  equals: (a: number, b: number) => a === b,
})

// select: the selected part, or what is made of it
expectType<number>()(store.select((value) => value.server.http.port)(), true)
expectType<{ readonly id: number } | undefined>()(store.select((value) => value.list[0])(), true)
const pattern = store.select(
  (value) => value.pair[1],
  (text) => new RegExp(text),
)
expectType<RegExp>()(pattern(), true)
const text = (pair: readonly [number, string]): string => pair[1]
// @ts-expect-error the projection gets what is selected
store.select((value) => value.list, text)
// @ts-expect-error nothing of the value can be changed
store.select((value) => (value.pair[0] = 1))

// patches
const committed = store.set(['server', 'http', 'port'], 1, { patches: true, ifVersion: 1 })
expectType<readonly Patch[] | undefined>()(committed.patches, true)
expectType<JsonPatch[]>()(toJsonPatch(committed.patches ?? []), true)
store.applyPatches(committed.patches ?? [], { ifVersion: 2 })
store.applyPatches(toJsonPatch(committed.patches ?? []))
store.applyPatches([{ op: 'move', from: '/list/0', path: '/list/1' }])
// @ts-expect-error no operation of either form
store.applyPatches([{ op: 'drop', path: '/list' }])
// @ts-expect-error move is of JSON Patch, and says from where
store.applyPatches([{ op: 'move', path: '/list' }])
// @ts-expect-error patches are told, not changed
committed.patches?.push({ op: 'remove', path: [] })

// drained
expectType<Promise<void>>()(store.drained(committed.version), true)
// @ts-expect-error of a version
store.drained(committed)

// types that contain themselves
type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
const json = createStore<{ data: Json }>({ data: null })
const data: Immutable<Json> | undefined = json.get('data')
json.update((draft) => {
  draft.data = { a: [1, { b: null }] }
})

export { data, name, other, port, surely }

// branches: of the same type, and adopted by a store of that type alone
expectType<Store<Config>>()(store.fork('next'), true)
store.adopt(store.fork(), { force: true })
// @ts-expect-error a branch of another type
store.adopt(createStore({ other: 1 }).fork())
// @ts-expect-error ifVersion is what adopt itself compares
store.adopt(store.fork(), { ifVersion: 1 })
expectType<number>()(store.rollback(1, { ifVersion: 2 }).version, true)
expectType<number>()(store.snapshot(1).get('server', 'http', 'port'), true)
createStore(initial, { history: 'while-memory-lasts' })
// @ts-expect-error no other word
createStore(initial, { history: 'forever' })
