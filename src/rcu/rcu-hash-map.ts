/**
 * `RcuHashMap` as a program sees it; how it works is in map-words.ts and map-change.ts.
 *
 * What is guaranteed, as liburcu states it of its own hash table (docs/rcu.md has the sentences):
 * lookups and walks see what was put in before they began and not taken out before they ended;
 * `addUnique` and `addReplace` never let two entries of one key be seen; a walk that meets no
 * change sees each entry once.
 *
 * **Invariants.** One object per thread that has the map open.
 *
 * **Ordering.** As map-change.ts says.
 *
 * **Progress.** `get`, `has`, `entries` are wait-free but for holding blocks outside of a section.
 *
 * **Crash.** As map-change.ts says.
 */

import { typeError } from '../errors.ts'
import type { Offset } from '../memory/words.ts'
import { RcBlock } from '../store/block.ts'
import type { Heap } from '../store/contract.ts'
import type { BlockHandle } from '../store/handle.ts'
import { Anchor } from './anchored.ts'
import { borrowedOf, itemOf, keyOf, madeOf, type RcuFound, type RcuValue } from './items.ts'
import { bucketCount, makeMap } from './map-buckets.ts'
import { type Change, MapChanges } from './map-change.ts'
import { BLOCK, INTEGER, KEY, type KeyItem, MapWords, TEXT, VALUE } from './map-words.ts'
import type { Tidied } from './session.ts'
import { readText } from './text.ts'

export type RcuHashMapHandle = BlockHandle<'rcu-hash-map'>

export interface RcuHashMapOptions {
  /** Buckets to begin with; rounded up to a power of two. Default 8. */
  readonly buckets?: number
  /** Whether the number of buckets follows the number of entries. Default true. */
  readonly autoResize?: boolean
}

export class RcuHashMap implements Disposable, Tidied {
  readonly handle: RcuHashMapHandle
  readonly #anchor: Anchor<'rcu-hash-map'>
  readonly #map: MapWords
  readonly #changes: MapChanges

  private constructor(anchor: Anchor<'rcu-hash-map'>) {
    const { session, thread, block } = anchor
    const { grace, retired } = session.domain
    this.#anchor = anchor
    this.handle = anchor.handle
    this.#map = new MapWords(thread.memory, block)
    const { drafting } = session
    this.#changes = new MapChanges({ thread, map: this.#map, grace, retired, drafting })
    session.tidied.add(this)
  }

  /** An empty map. Throws `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`, `TypeError`. */
  static create(heap: Heap, options: RcuHashMapOptions = {}): RcuHashMap {
    const { buckets = 0, autoResize = true } = options
    expectCount(buckets)
    const make = (thread: Anchor<string>['thread']): Offset => makeMap(thread, autoResize)
    const map = new RcuHashMap(Anchor.create(heap, 'rcu-hash-map', make))
    if (buckets > 0) map.resize(buckets)
    return map
  }

  /** Throws `ERR_BAD_HANDLE`; `ERR_CLOSED` when no thread has it open any more. */
  static open(handle: RcuHashMapHandle): RcuHashMap {
    return new RcuHashMap(Anchor.open(handle, 'rcu-hash-map'))
  }

  /** Entries at this moment. */
  get size(): number {
    this.#anchor.expectOpen()
    return this.#map.size
  }

  get buckets(): number {
    this.#anchor.expectOpen()
    return this.#map.buckets
  }

  /** The value of a key, of several the one added last; `undefined` where there is none. A block is
   *  borrowed inside a section of this thread, and held outside: then release it. */
  get(key: RcuValue): RcuFound | undefined {
    const item = this.#keyOf(key)
    const { session } = this.#anchor
    const outside = session.domain.tally.active === 0
    return session.reading(() => {
      const node = this.#map.find(item)
      return node === 0 ? undefined : this.#valueOf(node, outside)
    })
  }

  has(key: RcuValue): boolean {
    const item = this.#keyOf(key)
    return this.#anchor.session.reading(() => this.#map.find(item) !== 0)
  }

  /** Puts an entry in, beside others of the same key. */
  add(key: RcuValue, value: RcuValue): void {
    this.#put('add', key, value)
  }

  /** Puts an entry in unless the key has one; returns that one's value. */
  addUnique(key: RcuValue, value: RcuValue): RcuFound | undefined {
    return this.#put('addUnique', key, value)
  }

  /** Puts an entry in, or in the place of the one that the key has, whose value it returns. No
   *  reader sees both, or neither. */
  addReplace(key: RcuValue, value: RcuValue): RcuFound | undefined {
    return this.#put('addReplace', key, value)
  }

  /** As `addReplace`, but only where the key has an entry; `undefined` where it has none. */
  replace(key: RcuValue, value: RcuValue): RcuFound | undefined {
    return this.#put('replace', key, value)
  }

  /** Takes an entry of the key out; whether there was one. */
  delete(key: RcuValue): boolean {
    const item = this.#keyOf(key)
    return this.#change(() => this.#changes.remove(item, () => {})) !== 0
  }

  /** All entries: each that was there all the time once, no key twice that was never there twice.
   *  Blocks as of `get`. */
  entries(): [key: RcuFound, value: RcuFound][] {
    this.#anchor.expectOpen()
    const { session } = this.#anchor
    const outside = session.domain.tally.active === 0
    const map = this.#map
    return session.reading(() => {
      const found: [RcuFound, RcuFound][] = []
      for (let node = map.next(map.dummyOf(0)); node !== 0; node = map.next(node)) {
        // bound: nodes of the list
        if ((map.orderOf(node) & 1) === 0) continue
        found.push([this.#keyAt(node, outside), this.#valueOf(node, outside)])
      }
      return found
    })
  }

  /** Sets the number of buckets, rounded up to a power of two. */
  resize(buckets: number): void {
    expectCount(buckets)
    this.#change(() => {
      this.#changes.resize(bucketCount(buckets))
      return 0
    })
  }

  /** For the session: nodes that have waited long enough are free again. */
  tidy(): boolean {
    return this.#changes.tidy()
  }

  /** Idempotent. The map ends when no thread has it open. */
  close(): void {
    this.#anchor.session.tidied.delete(this)
    this.#anchor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    if (this.#anchor.isClosed) return 'RcuHashMap { closed }'
    return `RcuHashMap { size: ${this.#map.size}, buckets: ${this.#map.buckets} }`
  }

  #put(how: Change, key: RcuValue, value: RcuValue): RcuFound | undefined {
    const anchor = this.#anchor
    const keyed = this.#keyOf(key)
    const item = itemOf(anchor, value)
    const outside = anchor.session.domain.tally.active === 0
    let former: RcuFound | undefined
    const entry = {
      texts: keyed.kind === TEXT || item.kind === TEXT,
      make: () => ({ key: madeOf(anchor, keyed), value: madeOf(anchor, item) }),
    }
    this.#change(() =>
      this.#changes.put(how, entry, (node) => {
        former = this.#formerOf(node, outside)
      }),
    )
    return former
  }

  #change(work: () => Offset): Offset {
    this.#anchor.expectOpen()
    const { session } = this.#anchor
    const node = session.attachment.run(work)
    session.attend()
    return node
  }

  #keyOf(key: RcuValue): KeyItem {
    this.#anchor.expectOpen()
    return keyOf(this.#anchor, key)
  }

  #keyAt(node: Offset, outside: boolean): RcuFound {
    const kind = this.#map.kindOf(node, 0)
    if (kind === INTEGER) return this.#map.m[node + KEY] as number
    return this.#item(kind, this.#map.blockOf(node, 0), outside)
  }

  #valueOf(node: Offset, outside: boolean): RcuFound {
    const kind = this.#map.kindOf(node, 1)
    if (kind === INTEGER) return this.#map.m[node + VALUE] as number
    return this.#item(kind, this.#map.blockOf(node, 1), outside)
  }

  #item(kind: number, block: Offset, outside: boolean): RcuFound {
    const { memory, holds } = this.#anchor.thread
    if (kind === TEXT) return readText(memory, block)
    if (!outside) return borrowedOf(memory, block)
    this.#anchor.transaction(0, () => holds.retain(block))
    return RcBlock.held(this.#anchor.session.attachment, block)
  }

  /** In a transaction. */
  #formerOf(node: Offset, outside: boolean): RcuFound {
    const { thread, session } = this.#anchor
    if (this.#map.kindOf(node, 1) !== BLOCK || !outside) return this.#valueOf(node, outside)
    const block = this.#map.blockOf(node, 1)
    thread.holds.retain(block)
    return RcBlock.held(session.attachment, block)
  }
}

function expectCount(buckets: unknown): void {
  if (typeof buckets === 'number' && buckets >= 0 && buckets <= 2 ** 31) return
  throw typeError('ERR_INVALID_ARGUMENT', `buckets must be a number, not ${String(buckets)}`, {
    argument: 'buckets',
  })
}
