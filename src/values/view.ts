/**
 * The values of one heap, as one thread sees them: real, frozen JavaScript values, decoded as far
 * as somebody looks, the same objects from version to version where nothing changed.
 *
 * A **root cell** stands for the value of one version. `advance` replaces it by that of a newer
 * version while both are protected; afterwards the older version may go, and still everything
 * that was handed out of it reads as on the first day.
 */

import { readBox } from './box.ts'
import { Cell, type Hold, Origin, RootCell, type Source } from './decode-cells.ts'
import { relinkLight } from './decode-rebuild.ts'
import { type CodecLike, LEFTOVER_VALUES_MAX, LIGHT_WEIGHT_MAX, Reader, whole } from './decode.ts'
import { Filler, type ViewMaker } from './lazy.ts'
import { makeView } from './map-view.ts'
import { Relink } from './relink.ts'
import { Text } from './text.ts'
import type { Offset } from '../memory/words.ts'

export { Cell, Hold, RootCell, type Source } from './decode-cells.ts'

export interface DecoderOptions {
  /** Values up to this weight are decoded at once; tests lower it. */
  readonly lightWeightMax?: number
  /** Replaced values that `advance` decodes at most; beyond it returns a hold. */
  readonly leftoverValuesMax?: number
  /** Reads a box: bigint, date, binary. */
  readonly box?: (node: Offset) => unknown
  /** Called at the end of each call that read memory through a source. */
  readonly settle?: () => void
  /** Makes the view of a Map or Set; it reads its memory through `cell.origin`. */
  readonly view?: ViewMaker
}

export interface Advanced {
  readonly root: RootCell
  /** While this is reachable the old version must stay protected. Keep it weakly. */
  readonly hold: Hold | undefined
}

export class Decoder {
  readonly #reader: Reader
  readonly #filler: Filler

  constructor(codec: CodecLike, options: DecoderOptions = {}) {
    this.#reader = new Reader(codec, {
      lightWeightMax: options.lightWeightMax ?? LIGHT_WEIGHT_MAX,
      leftoverValuesMax: options.leftoverValuesMax ?? LEFTOVER_VALUES_MAX,
      settle: options.settle ?? (() => {}),
      box: options.box ?? ((node) => readBox(this.#reader.m, this.#reader.doubles, node)),
    })
    const views = options.view ?? viewsOf(codec, (): Filler => filler)
    const filler = new Filler(this.#reader, views)
    this.#filler = filler
  }

  /** The first version of a chain; nothing is read yet. */
  root(word: number, source: Source): RootCell {
    return new RootCell(word, new Origin(source))
  }

  /** The value, as lazily as its size suggests; the same object at every call. */
  valueOf(cell: Cell): unknown {
    return this.#filler.valueOf(cell)
  }

  /** A single value, lazily: its parts are read through `source` whenever they are asked for. */
  decode(word: number, source: Source): unknown {
    return this.#filler.valueOf(new Cell(word, new Origin(source)))
  }

  /** A single value, complete: nothing is read after this returned. */
  decodeWhole(word: number, source: Source): unknown {
    source.check()
    this.#reader.era = source.era
    const value = whole(this.#reader, word)
    this.#reader.settle()
    return value
  }

  /**
   * The root cell of a newer version. Both versions must be protected until this returns; then
   * the old one may be given up, unless there is a hold. The old root's value stays readable if it
   * was asked for before. Costs what changed among the parts that were touched.
   *
   * Where the old version was given up already, begin a new chain with `root`: the old chain's
   * source says so to whoever reads an undecoded part.
   */
  advance(old: RootCell, word: number, source: Source): Advanced {
    const { chain } = old
    const oldSource = chain.source
    chain.source = source
    if (word === old.word) return { root: old, hold: undefined }
    const root = new RootCell(word, chain)
    const versions = { chain, old: oldSource, fresh: source }
    // Most documents that change all the time are small: they need no more than this.
    if (old.value !== undefined && relinkLight(this.#reader, versions, old, root)) {
      return { root, hold: undefined }
    }
    const relink = new Relink(this.#reader, versions, (word) => this.#filler.isView(word))
    return { root, hold: relink.run(old, root) }
  }
}

/** Views of Maps and Sets, where the codec has what looking up a key takes. */
function viewsOf({ text }: CodecLike, filler: () => Filler): ViewMaker | undefined {
  if (!(text instanceof Text)) return undefined
  return (cell) => {
    const { reader } = filler()
    return makeView({ reader, text, valueOf: (inner) => filler().valueOf(inner) }, cell)
  }
}
