/**
 * Where keys stand in a shape, by a hash of a few of their characters: open addressing, at most a
 * quarter full. A `Map` would have V8 hash the whole of each string that was just built, which
 * costs more than comparing it with the one key that it can be.
 */

/** A key further than this from its place makes the table useless: its keys are too much alike. */
const PROBES_MAX = 6

export class SlotTable {
  readonly #keys: readonly string[]
  /** Slot + 1, or 0. */
  readonly #slots: Int32Array
  readonly #mask: number

  private constructor(keys: readonly string[], size: number) {
    this.#keys = keys
    this.#slots = new Int32Array(size)
    this.#mask = size - 1
  }

  /** Undefined where the keys differ in places that the hash does not look at. */
  static of(keys: readonly string[]): SlotTable | undefined {
    const table = new SlotTable(keys, 2 ** (34 - Math.clz32(keys.length)))
    for (let slot = 0; slot < keys.length; slot++) if (!table.#add(slot)) return undefined
    return table
  }

  #add(slot: number): boolean {
    let at = sketch(this.#keys[slot] as string) & this.#mask
    for (let probes = 0; probes < PROBES_MAX; probes++) {
      if (this.#slots[at] === 0) {
        this.#slots[at] = slot + 1
        return true
      }
      at = (at + 1) & this.#mask
    }
    return false
  }

  slotOf(key: string): number {
    const slots = this.#slots
    const keys = this.#keys
    let at = sketch(key) & this.#mask
    // Bound: `PROBES_MAX`, since no run of full slots that a key was added to is longer.
    for (;;) {
      const slot = (slots[at] as number) - 1
      if (slot < 0) return -1
      if (keys[slot] === key) return slot
      at = (at + 1) & this.#mask
    }
  }
}

/** Of the length and five characters: the first, the last two, and two between. */
function sketch(key: string): number {
  const { length } = key
  if (length < 3) {
    if (length === 0) return 0
    const first = key.charCodeAt(0)
    return Math.imul(length === 1 ? first : first | (key.charCodeAt(1) << 8), 0x9e3779b1) >>> 11
  }
  const ends =
    key.charCodeAt(0) | (key.charCodeAt(length - 1) << 8) | (key.charCodeAt(length - 2) << 16)
  const middle = key.charCodeAt(length >> 1) | (key.charCodeAt(length >> 2) << 8)
  const hash = Math.imul(ends ^ Math.imul(middle + (length << 17), 0x85ebca6b), 0x9e3779b1)
  return hash >>> 11
}
