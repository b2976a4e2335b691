/**
 * The public types, pinned: `npm run types` compiles this file; each `@ts-expect-error` is an error
 * that a user must get. Nothing here runs.
 */

import {
  createStore,
  type Immutable,
  type JsonPatch,
  openStore,
  type Patch,
  type StoreHandle,
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

// handles carry the type; names do through declaration merging
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

export { data, other, port, surely }
