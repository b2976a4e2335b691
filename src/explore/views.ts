/**
 * The plain accesses: `m`, `bytes` and `doubles` of an instrumented `Words` are Proxies that pass
 * each element access on. They behave as the typed array for what kernels do with one: elements,
 * `length` and its kin, `copyWithin`, `fill`, `set`, `slice` and `subarray`, of which the last
 * gives another such Proxy. Everything else is refused by name rather than done unseen. `Atomics`
 * and native consumers (TextDecoder, Buffer) refuse a Proxy by themselves; code that makes views of
 * its own over `buffer` is not seen, and its writes are repeated whenever its thread is resumed.
 */

import { RootswapError } from '../errors.ts'
import type { Region } from './slots.ts'

export type Elements = Int32Array | Uint8Array | Float64Array

/** What performs element accesses: the machine, or memory itself outside of an exploration. */
export interface ElementAccess {
  readElement(view: View, index: number): number
  writeElement(view: View, index: number, value: number): void
}

export class View {
  readonly region: Region
  readonly array: Elements
  /** The memory's element that is element 0 here. */
  readonly start: number
  readonly access: ElementAccess

  constructor(region: Region, array: Elements, access: ElementAccess) {
    this.region = region
    this.array = array
    this.start = array.byteOffset / array.BYTES_PER_ELEMENT
    this.access = access
  }

  /** The word in which an element lies, or begins. */
  wordOf(index: number): number {
    const size = this.array.BYTES_PER_ELEMENT
    const element = this.start + index
    if (size === 4) return element
    return size === 1 ? element >> 2 : element * 2
  }

  get(index: number): number {
    return this.access.readElement(this, index)
  }

  set(index: number, value: number): void {
    this.access.writeElement(this, index, value)
  }
}

const plainProperties: ReadonlySet<string> = new Set([
  'length',
  'byteLength',
  'byteOffset',
  'buffer',
  'BYTES_PER_ELEMENT',
  'constructor',
])

export function proxyOf<A extends Elements>(view: View): A {
  const methods = new Map<string, unknown>()
  const handler: ProxyHandler<Elements> = {
    get(target, key) {
      if (typeof key === 'symbol') return symbolOf(view, key)
      const index = +key
      if (index === index) return view.get(index)
      if (plainProperties.has(key)) return Reflect.get(target, key, target)
      let method = methods.get(key)
      if (method === undefined) {
        method = methodOf(view, key)
        methods.set(key, method)
      }
      return method
    },
    set(_target, key, value) {
      view.set(Number(key), value)
      return true
    },
  }
  return new Proxy(view.array, handler) as A
}

function symbolOf(view: View, key: symbol): unknown {
  if (key === Symbol.iterator) return () => copyOf(view, 0, view.array.length)[Symbol.iterator]()
  return Reflect.get(view.array, key, view.array)
}

function methodOf(view: View, name: string): unknown {
  const { length } = view.array
  const clamp = (value: number | undefined, otherwise: number): number => {
    if (value === undefined) return otherwise
    return value < 0 ? Math.max(0, length + value) : Math.min(value, length)
  }
  switch (name) {
    case 'copyWithin':
      return (to: number, from: number, end?: number) => {
        const values = copyOf(view, clamp(from, 0), clamp(end, length))
        write(view, clamp(to, 0), values)
      }
    case 'fill':
      return (value: number, from?: number, end?: number) => {
        const last = clamp(end, length)
        for (let index = clamp(from, 0); index < last; index++) view.set(index, value)
      }
    case 'set':
      return (values: ArrayLike<number>, at = 0) => write(view, at, values)
    case 'slice':
      return (from?: number, end?: number) => copyOf(view, clamp(from, 0), clamp(end, length))
    case 'subarray':
      return (from?: number, end?: number) => {
        const part = view.array.subarray(clamp(from, 0), clamp(end, length))
        return proxyOf(new View(view.region, part, view.access))
      }
    default:
      throw new RootswapError(
        'ERR_INVALID_ARGUMENT',
        `the explorer's typed arrays have no ${name}: use elements, copyWithin, fill, set, slice ` +
          'or subarray, or keep this code out of the scenario',
        { property: name },
      )
  }
}

function copyOf(view: View, from: number, end: number): Elements {
  const values = Array.from({ length: Math.max(0, end - from) }, (_, index) =>
    view.get(from + index),
  )
  const make = view.array.constructor as unknown as { from(values: number[]): Elements }
  return make.from(values)
}

function write(view: View, at: number, values: ArrayLike<number>): void {
  const last = Math.min(values.length, view.array.length - at)
  for (let index = 0; index < last; index++) view.set(at + index, values[index] ?? 0)
}
