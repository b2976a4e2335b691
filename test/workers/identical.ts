/**
 * Two values are the same in everything: types, contents, signs of zero, and the order of keys,
 * entries and members at every depth. Written for tests, apart from the library's own comparison.
 */
import { types } from 'node:util'

type Step = readonly [found: unknown, wanted: unknown, path: string]

/** Where the first difference is, in words; undefined where there is none. Views of Maps and Sets
 *  are compared with real ones. */
export function difference(found: unknown, wanted: unknown): string | undefined {
  const stack: Step[] = [[found, wanted, '']]
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    const problem = differs(step, stack)
    if (problem !== undefined) return `at ${step[2] || 'the root'}: ${problem}`
  }
  return undefined
}

function differs([found, wanted, path]: Step, stack: Step[]): string | undefined {
  if (Object.is(found, wanted)) return undefined
  const kinds = [kindOf(found), kindOf(wanted)]
  if (kinds[0] !== kinds[1]) return `${kinds[0]} instead of ${kinds[1]}`
  if (typeof wanted !== 'object' || wanted === null) {
    return `${show(found)} instead of ${show(wanted)}`
  }
  if (wanted instanceof Date) return Object.is(+(found as Date), +wanted) ? undefined : 'the time'
  if (wanted instanceof ArrayBuffer) return bytesDiffer(found as ArrayBuffer, wanted)
  if (ArrayBuffer.isView(wanted)) {
    const ours = found as Uint8Array
    return bytesDiffer(slice(ours), slice(wanted as Uint8Array))
  }
  const pairs = [entriesOf(found as object), entriesOf(wanted)] as const
  if (pairs[0].length !== pairs[1].length) return `${pairs[0].length} of ${pairs[1].length} entries`
  for (const [index, [key, value]] of pairs[1].entries()) {
    const [ourKey, ours] = pairs[0][index]!
    if (!Object.is(ourKey, key)) return `${show(ourKey)} where ${show(key)} should stand`
    if (!Object.is(ours, value)) stack.push([ours, value, `${path}/${show(key)}`])
  }
  return undefined
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value
  const tag = Object.prototype.toString.call(value)
  const isView = Object.isFrozen(value) && (tag === '[object Map]' || tag === '[object Set]')
  const isPlain = isView || tag !== '[object Object]' || prototypeIsPlain(value)
  return isPlain && !types.isProxy(value) ? tag : `a strange ${tag}`
}

function prototypeIsPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype
}

function entriesOf(value: object): [unknown, unknown][] {
  const tag = Object.prototype.toString.call(value)
  if (tag === '[object Map]') return [...(value as ReadonlyMap<unknown, unknown>)]
  if (tag === '[object Set]') return [...(value as ReadonlySet<unknown>)].map((each) => [each, 0])
  if (Array.isArray(value) && Object.keys(value).length !== value.length) return [['holes', 1]]
  return Object.entries(value)
}

function slice({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength)
}

function bytesDiffer(found: ArrayBuffer, wanted: ArrayBuffer): string | undefined {
  if (found.byteLength !== wanted.byteLength) return `${found.byteLength} bytes`
  const [ours, theirs] = [new Uint8Array(found), new Uint8Array(wanted)]
  const at = theirs.findIndex((byte, index) => ours[index] !== byte)
  return at < 0 ? undefined : `byte ${at}`
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return `${typeof value === 'bigint' ? `${text}n` : text}`.slice(0, 60)
}

/** A private copy, all the way down: of views, real Maps and Sets. */
export function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const tag = Object.prototype.toString.call(value)
  if (tag === '[object Map]') {
    const entries = [...(value as ReadonlyMap<unknown, unknown>)]
    return new Map(entries.map(([key, inner]) => [key, copied(inner)]))
  }
  if (tag === '[object Set]') return new Set(value as ReadonlySet<unknown>)
  if (Array.isArray(value)) return value.map(copied)
  if (tag !== '[object Object]') return structuredClone(value)
  const object = {}
  for (const [key, inner] of Object.entries(value)) {
    const how = { value: copied(inner), writable: true, enumerable: true, configurable: true }
    Object.defineProperty(object, key, how)
  }
  return object
}
