/** A thread's view of a store in small: versions, what was handed out of them, what it must be. */

import assert from 'node:assert/strict'

import { type Cell, Decoder, type Hold, RootCell, type Source } from '../../../src/values/view.ts'
import { Origin } from '../../../src/values/decode-cells.ts'
import type { Model, SmallHeap } from './small-heap.ts'

export class TestSource implements Source {
  readonly era: number
  valid = true

  constructor(era: number) {
    this.era = era
  }

  check(): void {
    assert.ok(this.valid, `version ${this.era} was asked for memory that it no longer protects`)
  }
}

export interface Kept {
  readonly value: unknown
  readonly model: Model
  readonly version: number
}

export interface ChainOptions {
  readonly lightWeightMax: number
  readonly leftoverValuesMax?: number
  readonly broken?: Broken
}

/** Ways to be wrong that the poisoned memory must bring to light. */
export type Broken = 'nothing is linked' | 'holds are ignored' | 'strings outlive their era'

interface Held {
  readonly hold: Hold
  readonly word: number
}

export class Chain {
  readonly heap: SmallHeap
  readonly decoder: Decoder
  readonly kept: Kept[] = []
  root: RootCell
  model: Model
  version = 1
  source = new TestSource(1)
  readonly held: Held[] = []
  readonly #broken: Broken | undefined

  constructor(heap: SmallHeap, model: Model, options: ChainOptions) {
    this.heap = heap
    this.decoder = new Decoder(heap, options)
    this.model = model
    this.#broken = options.broken
    this.root = this.decoder.root(heap.encode(model), this.source)
  }

  get value(): unknown {
    return this.decoder.valueOf(this.root as Cell)
  }

  keep(): Kept {
    const kept = { value: this.value, model: this.model, version: this.version }
    this.kept.push(kept)
    return kept
  }

  /** The next version; then everything that it and the held ones do not reach is poisoned. */
  publish(model: Model, poison = true): void {
    const word = this.heap.encode(model)
    const before = this.source
    const oldWord = this.root.word
    this.version++
    this.source = new TestSource(this.#broken === 'strings outlive their era' ? 1 : this.version)
    const hold = this.#advance(word)
    if (hold !== undefined && this.#broken !== 'holds are ignored') {
      this.held.push({ hold, word: oldWord })
    } else if (this.#broken === undefined) {
      before.valid = false
    }
    this.model = model
    if (poison) this.heap.poisonAllBut([word, ...this.held.map((each) => each.word)])
  }

  #advance(word: number): Hold | undefined {
    if (this.#broken === 'nothing is linked') {
      this.root.chain.source = this.source
      this.root = new RootCell(word, new Origin(this.source))
      return undefined
    }
    const { root, hold } = this.decoder.advance(this.root, word, this.source)
    this.root = root
    return hold
  }

  checkKept(): void {
    for (const { value, model } of this.kept) {
      assert.equal(JSON.stringify(value), JSON.stringify(model))
      assert.deepStrictEqual(value, model)
    }
  }
}
