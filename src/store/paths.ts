/**
 * Types of paths: `get` and `has` take keys as arguments, `set` and `delete` an array. Six levels
 * are typed; deeper ones are `unknown`, so that checking stays fast.
 */

import type { Immutable, Key, Primitive } from '../values/immutable.ts'

type Opaque = Date | ArrayBuffer | ArrayBufferView
type N<T> = NonNullable<T>

/** The keys that lead one step into T. */
export type KeyOf<T> = T extends Primitive | Opaque
  ? never
  : T extends ReadonlyMap<infer K, unknown>
    ? K & Key
    : T extends readonly unknown[]
      ? number
      : T extends ReadonlySet<unknown>
        ? never
        : keyof T & string

/** What is found under K in T; `undefined` where T may lack it. */
export type At<T, K> = T extends null | undefined
  ? undefined
  : T extends ReadonlyMap<unknown, infer V>
    ? V | undefined
    : T extends readonly (infer V)[]
      ? V | undefined
      : K extends keyof T
        ? string extends keyof T
          ? T[K] | undefined
          : T[K]
        : undefined

/** What may be put under K in T. */
export type Into<T, K> =
  T extends ReadonlyMap<unknown, infer V>
    ? V
    : T extends readonly (infer V)[]
      ? V
      : K extends keyof T
        ? T[K]
        : never

type Two<T, A, B> = At<At<T, A>, B>
type Three<T, A, B, C> = At<Two<T, A, B>, C>
type Four<T, A, B, C, D> = At<Three<T, A, B, C>, D>
type Five<T, A, B, C, D, E> = At<Four<T, A, B, C, D>, E>
type Step<T> = KeyOf<N<T>>

export interface Get<T> {
  (): Immutable<T>
  <A extends Step<T>>(...path: readonly [A]): Immutable<At<T, A>>
  <A extends Step<T>, B extends Step<At<T, A>>>(...path: readonly [A, B]): Immutable<Two<T, A, B>>
  <A extends Step<T>, B extends Step<At<T, A>>, C extends Step<Two<T, A, B>>>(
    ...path: readonly [A, B, C]
  ): Immutable<Three<T, A, B, C>>
  <
    A extends Step<T>,
    B extends Step<At<T, A>>,
    C extends Step<Two<T, A, B>>,
    D extends Step<Three<T, A, B, C>>,
  >(
    ...path: readonly [A, B, C, D]
  ): Immutable<Four<T, A, B, C, D>>
  <
    A extends Step<T>,
    B extends Step<At<T, A>>,
    C extends Step<Two<T, A, B>>,
    D extends Step<Three<T, A, B, C>>,
    E extends Step<Four<T, A, B, C, D>>,
  >(
    ...path: readonly [A, B, C, D, E]
  ): Immutable<Five<T, A, B, C, D, E>>
  <
    A extends Step<T>,
    B extends Step<At<T, A>>,
    C extends Step<Two<T, A, B>>,
    D extends Step<Three<T, A, B, C>>,
    E extends Step<Four<T, A, B, C, D>>,
    F extends Step<Five<T, A, B, C, D, E>>,
  >(
    ...path: readonly [A, B, C, D, E, F]
  ): Immutable<At<Five<T, A, B, C, D, E>, F>>
  (...path: readonly [Key, Key, Key, Key, Key, Key, Key, ...Key[]]): unknown
}

export interface Has {
  (...path: readonly Key[]): boolean
}

/** `set(path, value, options)`; R is what it returns. */
export interface Put<T, O, R> {
  (path: readonly [], value: T, options?: O): R
  <A extends Step<T>>(path: readonly [A], value: Into<N<T>, A>, options?: O): R
  <A extends Step<T>, B extends Step<At<T, A>>>(
    path: readonly [A, B],
    value: Into<N<At<T, A>>, B>,
    options?: O,
  ): R
  <A extends Step<T>, B extends Step<At<T, A>>, C extends Step<Two<T, A, B>>>(
    path: readonly [A, B, C],
    value: Into<N<Two<T, A, B>>, C>,
    options?: O,
  ): R
  <
    A extends Step<T>,
    B extends Step<At<T, A>>,
    C extends Step<Two<T, A, B>>,
    D extends Step<Three<T, A, B, C>>,
  >(
    path: readonly [A, B, C, D],
    value: Into<N<Three<T, A, B, C>>, D>,
    options?: O,
  ): R
  <
    A extends Step<T>,
    B extends Step<At<T, A>>,
    C extends Step<Two<T, A, B>>,
    D extends Step<Three<T, A, B, C>>,
    E extends Step<Four<T, A, B, C, D>>,
  >(
    path: readonly [A, B, C, D, E],
    value: Into<N<Four<T, A, B, C, D>>, E>,
    options?: O,
  ): R
  <
    A extends Step<T>,
    B extends Step<At<T, A>>,
    C extends Step<Two<T, A, B>>,
    D extends Step<Three<T, A, B, C>>,
    E extends Step<Four<T, A, B, C, D>>,
    F extends Step<Five<T, A, B, C, D, E>>,
  >(
    path: readonly [A, B, C, D, E, F],
    value: Into<N<Five<T, A, B, C, D, E>>, F>,
    options?: O,
  ): R
  (path: readonly [Key, Key, Key, Key, Key, Key, Key, ...Key[]], value: unknown, options?: O): R
}
