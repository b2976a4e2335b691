/**
 * Every public operation of a store, and whether code may be made from strings here: for a process
 * and for its worker threads that forbid it.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { inspect } from 'node:util'
import {
  createStore,
  openStore,
  type Store,
  type StoreHandle,
  toJsonPatch,
} from '../../src/index.ts'

export interface Forbidden {
  readonly evaluated: string
  readonly constructed: string
  readonly value: string
}

interface Value {
  list: unknown[]
  map: Map<unknown, unknown>
  set: Set<unknown>
  when: Date
  bytes: Uint8Array
  named: Record<string, { n: number; text: string }>
}

function initial(): Value {
  const entries = Array.from({ length: 1500 }, (_, n) => [`key ${n}`, { n, text: `text ${n}` }])
  return {
    list: Array.from({ length: 1200 }, (_, n) => [n, `${n}`]),
    map: new Map<unknown, unknown>([
      [1n, { x: 1 }],
      ['a', new Set([1])],
    ]),
    set: new Set<unknown>(['x', NaN]),
    when: new Date(5),
    bytes: Uint8Array.from([1, 2, 3]),
    named: Object.fromEntries(entries) as Value['named'],
  }
}

/** What happens to one who tries to make code from a string. */
function attempt(make: () => unknown): string {
  try {
    make()
    return 'allowed'
  } catch (error) {
    return (error as Error).name
  }
}

function operations(store: Store<Value>): string {
  const changes = [
    store.update((draft) => {
      draft.named['key 7']!.n++
      draft.map.set('more', { deep: [1] })
      draft.set.delete('x')
      draft.list.sort().push('last')
    }),
    store.set(['named', 'new'], { n: -1, text: 'new' }, { patches: true }),
    store.delete(['named', 'key 3']),
  ]
  toJsonPatch(changes[1]!.patches!)
  store.applyPatches(changes[1]!.patches!)
  store.replace({ ...initial(), when: new Date(6) })
  const selected = store.select((value) => value.named['key 9']!.text)()
  const held = store.snapshot()
  const { current } = store
  const text = [JSON.stringify(current), inspect(current), selected, held.value.list.length]
  held.release()
  store.read((value) => value.named['key 1499'])
  return [...text, store.get('named', 'key 5', 'text'), [...current.map.keys()]].join('\n')
}

function report(store: Store<Value>): Forbidden {
  return {
    // Both are asked for what they would do; neither is used for anything.
    // oxlint-disable-next-line no-eval
    evaluated: attempt(() => (0, eval)('1 + 1')),
    // oxlint-disable-next-line no-new-func
    constructed: attempt(() => new Function('return 1')),
    value: operations(store),
  }
}

if (isMainThread) {
  const store = createStore(initial(), { maxBytes: 2 ** 24 })
  const here = report(store)
  const worker = new Worker(new URL(import.meta.url), { workerData: store.handle })
  worker.once('message', (there) => console.log(JSON.stringify({ here, there })))
} else {
  const store = openStore(workerData as StoreHandle<Value>)
  parentPort!.postMessage(report(store))
  store.close()
}
