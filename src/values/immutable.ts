/** The types of what a store hands out and of what a recipe edits. */

export type Primitive = string | number | bigint | boolean | null | undefined
/** One step of a path: a property, an index, or a Map's key. */
export type Key = string | number | bigint | boolean | null | undefined
type Opaque = Date | ArrayBuffer | ArrayBufferView

type DateMutator = `set${string}`
type BufferMutator = 'resize' | 'transfer' | 'transferToFixedLength'
type ElementMutator = 'set' | 'fill' | 'sort' | 'reverse' | 'copyWithin'

/** A private copy of a date; for one to change: `new Date(+date)`. */
export type ImmutableDate = Omit<Date, DateMutator>
export type ImmutableBuffer = Omit<ArrayBuffer, BufferMutator>
/** A typed array that is not written to; `slice()` gives one to change. */
export type ImmutableBytes<T> = Readonly<Omit<T, ElementMutator | 'subarray' | 'buffer'>> & {
  readonly buffer: ImmutableBuffer
  subarray(begin?: number, end?: number): ImmutableBytes<T>
}

/* Arrays are written as array types, not mapped: the compiler defers their elements, so that types
 * which contain themselves (any JSON) can be used. */

/** A value as it is read: nothing of it can be changed. */
export type Immutable<T> = T extends Primitive
  ? T
  : T extends Opaque
    ? ImmutableOpaque<T>
    : T extends ReadonlyMap<infer K, infer V>
      ? ReadonlyMap<K, Immutable<V>>
      : T extends ReadonlySet<infer V>
        ? ReadonlySet<V>
        : T extends (...args: never[]) => unknown
          ? never
          : T extends readonly (infer E)[]
            ? number extends T['length']
              ? readonly Immutable<E>[]
              : ImmutableFields<T>
            : T extends object
              ? ImmutableFields<T>
              : T
type ImmutableOpaque<T> = T extends Date
  ? ImmutableDate
  : T extends ArrayBufferView
    ? ImmutableBytes<T>
    : ImmutableBuffer
export type ImmutableFields<T> = { readonly [K in keyof T]: Immutable<T[K]> }

/** A value as a recipe edits it. */
export type Draft<T> = T extends Primitive | Opaque
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? Map<K, Draft<V>>
    : T extends ReadonlySet<infer V>
      ? Set<V>
      : T extends readonly (infer E)[]
        ? number extends T['length']
          ? Draft<E>[]
          : DraftFields<T>
        : T extends object
          ? DraftFields<T>
          : T
export type DraftFields<T> = { -readonly [K in keyof T]: Draft<T[K]> }
