/**
 * What a recipe touched in an object, by key in the order of touching: as a Map would hold it, but
 * the first key needs none. Most objects of a recipe are on the way to one place further down.
 */

const NO_KEY = Symbol('rootswap.noKey')

export class Touched {
  #key: string | typeof NO_KEY = NO_KEY
  #raw: unknown = undefined
  /** What came after the first key. */
  #more: Map<string, unknown> | undefined = undefined

  get size(): number {
    return (this.#key === NO_KEY ? 0 : 1) + (this.#more?.size ?? 0)
  }

  /** The key that came first and is still there. */
  get first(): string | undefined {
    if (this.#key !== NO_KEY) return this.#key
    return this.#more?.keys().next().value
  }

  get(key: string): unknown {
    return key === this.#key ? this.#raw : this.#more?.get(key)
  }

  has(key: string): boolean {
    return key === this.#key || this.#more?.has(key) === true
  }

  set(key: string, raw: unknown): void {
    if (this.#key === NO_KEY && this.#more === undefined) this.#key = key
    if (key === this.#key) this.#raw = raw
    else (this.#more ??= new Map()).set(key, raw)
  }

  delete(key: string): void {
    if (key === this.#key) {
      this.#key = NO_KEY
      this.#raw = undefined
    } else this.#more?.delete(key)
  }

  *[Symbol.iterator](): Generator<[string, unknown], undefined> {
    if (this.#key !== NO_KEY) yield [this.#key, this.#raw]
    if (this.#more !== undefined) yield* this.#more
    return undefined
  }
}
