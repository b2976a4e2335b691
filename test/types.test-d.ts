/**
 * The public types, pinned: `npm run types` compiles this file; each `@ts-expect-error` is an error
 * that a user must get. Nothing here runs.
 */

import { createStore, openStore, type Immutable, type StoreHandle } from '../src/index.ts'

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

// types that contain themselves
type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
const json = createStore<{ data: Json }>({ data: null })
const data: Immutable<Json> | undefined = json.get('data')
json.update((draft) => {
  draft.data = { a: [1, { b: null }] }
})

export { data, other, surely }
