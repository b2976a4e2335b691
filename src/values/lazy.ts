/**
 * Real, frozen objects and arrays whose parts are decoded when they are first read.
 *
 * A heavy object gets an own accessor for each slot that is not a scalar, and data properties for
 * the rest. There is one getter function per slot index, whatever the shape, so that objects of a
 * shape share their hidden class. The slots are behind a symbol, not in a private field stamped on
 * the object: that is as fast where many shapes are lazy, and unlike it also works when the object
 * is read through a Proxy, through `Object.create`, or through a copy of its descriptors. Arrays
 * have no accessors: when one is read, its light elements are decoded and its heavy ones become
 * lazy objects in turn.
 *
 * **Invariants.** Memory is read only after the cell's source said that it is protected. What is
 * built from a state reads no memory for the parts that the state has.
 */

import { corrupt } from '../errors.ts'
import { BOX, isReference, LIST, LIST_NODE, nodeOf, OBJECT, TABLE } from '../memory/kinds.ts'
import { Cell, isListLike, kindOfWord, mirror, type Origin, type State } from './decode-cells.ts'
import { type Decoded, eager, isLight, type Reader, setOwn } from './decode.ts'
import { immediateToValue } from './word.ts'

type Getter = (this: object) => unknown

const inspectCustom = Symbol.for('nodejs.util.inspect.custom')

/** The one method that defines an accessor quickly; taken here, since data may have such a key. */
const defineGetter = (
  Object.prototype as unknown as {
    __defineGetter__(this: object, key: string, getter: Getter): void
  }
).__defineGetter__

/** Under this key a lazy object has its slots: not enumerable, and opaque to whoever finds it. */
const slotsKey = Symbol('rootswap.slots')

class Slots {
  readonly #slots: readonly unknown[]

  constructor(slots: readonly unknown[]) {
    this.#slots = slots
  }

  cellAt(index: number): Cell {
    return this.#slots[index] as Cell
  }
}

interface Lazy {
  readonly [slotsKey]: Slots
}

function makeGetter(index: number, filler: Filler): Getter {
  return function get(this: object): unknown {
    const cell = (this as Lazy)[slotsKey].cellAt(index)
    const { value } = cell
    return value === undefined ? filler.valueOf(cell) : value
  }
}

interface InspectOptions {
  stylize(text: string, style: string): string
}

/** `console.log` shows accessors as [Getter]; a private value would show what they hold. */
function inspectLazy(this: object, depth: number, options: InspectOptions): unknown {
  return depth < 0 ? options.stylize('[Object]', 'special') : { ...this }
}

const inspectDescriptor = { value: inspectLazy, enumerable: false }

/** Makes what stands for a Map or Set, which goes on reading the memory of its cell's version. */
export type ViewMaker = (cell: Cell) => object

export class Filler {
  readonly reader: Reader
  readonly #getters: Getter[] = []
  readonly #view: ViewMaker | undefined

  constructor(reader: Reader, view?: ViewMaker) {
    this.reader = reader
    this.#view = view
  }

  /** The value of a cell, decoded as far as it must be. */
  valueOf(cell: Cell): unknown {
    if (cell.value !== undefined) return cell.value
    if (!isReference(cell.word)) return immediateToValue(cell.word)
    this.#fill(cell)
    this.reader.settle()
    return cell.value
  }

  #fill(cell: Cell): void {
    const { reader } = this
    const { state } = cell
    // A view has both.
    if (state === undefined || cell.origin !== undefined) {
      const origin = this.#enter(cell)
      if (isLight(reader, cell.word) || kindOfWord(reader.m, cell.word) === BOX) {
        cell.value = eager(reader, reader.m, cell.word)
        cell.origin = undefined
        return
      }
      if (this.#view !== undefined && this.isView(cell.word)) {
        cell.value = this.#view(cell)
        return
      }
      cell.state = mirror(
        { reader, origin, decode: isListLike(kindOfWord(reader.m, cell.word)) },
        cell.word,
      )
      cell.origin = undefined
    }
    this.#build(cell, cell.state as State)
  }

  /** Map or Set: a table of another variant than 0. */
  isView(word: number): boolean {
    const head = this.reader.m[nodeOf(word)] as number
    return (head & 15) === TABLE && head >>> 15 !== 0
  }

  /** Before a cell's memory is read. */
  #enter(cell: Cell): Origin {
    const { origin } = cell
    if (origin === undefined) {
      throw corrupt('a part of a value that nobody holds was asked for', { word: cell.word })
    }
    origin.source.check()
    this.reader.era = origin.source.era
    return origin
  }

  #build(cell: Cell, state: State): void {
    if (isListLike(state.kind)) this.#buildArray(cell)
    else if (state.kind === OBJECT) cell.value = this.#buildObject(state)
    else if (state.kind === TABLE) cell.value = this.#buildTable(state)
    else throw corrupt(`a value has a state of kind ${state.kind}`, { kind: state.kind })
  }

  #buildObject(state: State): object {
    const { slots } = state
    const { keys, special } = state.plan as NonNullable<State['plan']>
    const object: Decoded = {}
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]
      const key = keys[i] as string
      if (slot instanceof Cell) {
        slot.exposed = true
        defineGetter.call(object, key, this.#getters[i] ?? this.#addGetter(i))
      } else if (special) {
        setOwn(object, key, slot)
      } else {
        object[key] = slot
      }
    }
    return seal(object, slots)
  }

  #buildTable(state: State): object {
    const object: Decoded = {}
    const items: unknown[] = []
    this.#eachOf(state.slots[0], false, (entry) => {
      const [key, item] = this.#stateOf(entry as Cell, false).slots as [string, unknown]
      if (item instanceof Cell) {
        item.exposed = true
        const index = items.push(item) - 1
        defineGetter.call(object, key, this.#getters[index] ?? this.#addGetter(index))
      } else {
        setOwn(object, key, item)
      }
    })
    return seal(object, items)
  }

  #addGetter(index: number): Getter {
    const getters = this.#getters
    while (getters.length <= index) getters.push(makeGetter(getters.length, this))
    return getters[index] as Getter
  }

  #stateOf(cell: Cell, decode: boolean): State {
    if (cell.state !== undefined) return cell.state
    const origin = this.#enter(cell)
    cell.state = mirror({ reader: this.reader, origin, decode }, cell.word)
    cell.origin = undefined
    return cell.state
  }

  /** Every element or entry of a vector, in order; at most six levels. Holes are left out. */
  #eachOf(slot: unknown, decode: boolean, visit: (slot: unknown) => void): void {
    if (!(slot instanceof Cell)) return
    for (const item of this.#stateOf(slot, decode).slots) {
      if (item instanceof Cell && this.#isVectorNode(item)) this.#eachOf(item, decode, visit)
      else if (decode || item instanceof Cell) visit(item)
    }
  }

  #isVectorNode(cell: Cell): boolean {
    if (cell.value !== undefined) return false
    if (cell.state !== undefined) return cell.state.kind === LIST_NODE
    this.#enter(cell)
    return kindOfWord(this.reader.m, cell.word) === LIST_NODE
  }

  /** Arrays nest without accessors between them, so this keeps a stack of its own. */
  #buildArray(outermost: Cell): void {
    const stack = [outermost]
    for (let cell = stack.at(-1); cell !== undefined; cell = stack.at(-1)) {
      const depth = stack.length
      const items = this.#itemsOf(cell)
      for (const item of items) {
        if (!(item instanceof Cell) || item.value !== undefined) continue
        if (this.#isHeavyArray(item)) stack.push(item)
        else this.#fill(item)
      }
      if (stack.length > depth) continue
      cell.value = Object.freeze(items.map(valueOfSlot))
      stack.pop()
    }
  }

  #itemsOf(array: Cell): readonly unknown[] {
    const state = this.#stateOf(array, true)
    if (state.kind !== LIST) return state.slots
    const items: unknown[] = []
    this.#eachOf(state.slots[0], true, (item) => items.push(item))
    return items
  }

  #isHeavyArray(cell: Cell): boolean {
    if (cell.state !== undefined) return isListLike(cell.state.kind)
    this.#enter(cell)
    const { reader } = this
    return !isLight(reader, cell.word) && isListLike(kindOfWord(reader.m, cell.word))
  }
}

function valueOfSlot(slot: unknown): unknown {
  return slot instanceof Cell ? slot.value : slot
}

function seal(object: Decoded, slots: readonly unknown[]): object {
  Object.defineProperty(object, slotsKey, { value: new Slots(slots) })
  Object.defineProperty(object, inspectCustom, inspectDescriptor)
  return Object.freeze(object)
}
