/** A folder of its own for each test, and values that show what was lost. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

export class Stage {
  #folder = ''

  constructor() {
    afterEach(() => {
      if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true })
      this.#folder = ''
    })
  }

  get folder(): string {
    if (this.#folder === '') this.#folder = mkdtempSync(join(tmpdir(), 'rootswap-persist-'))
    return this.#folder
  }

  at(name: string): string {
    return join(this.folder, name)
  }

  get files(): string[] {
    return readdirSync(this.folder).sort()
  }
}

/** Every type of value, every kind of node. */
export function everything(): Record<string, unknown> {
  const many = (count: number) => Array.from({ length: count }, (_, index) => index)
  return {
    ['__proto__']: { data: true },
    numbers: [0, -0, 1, -1, 2 ** 30, -(2 ** 31), 0.1, NaN, Infinity, -Infinity, 5e-324],
    words: ['', 'abc', 'a longer one', 'ümlaut', '☃ wide', '\ud800 lone', 'x'.repeat(100_000)],
    bigints: [0n, -1n, 2n ** 200n, -(2n ** 64n)],
    nothing: [null, undefined, true, false],
    dates: [new Date(0), new Date(NaN), new Date('2026-11-22')],
    binary: [
      new Uint8Array([1, 2, 3]),
      new Float64Array([0.1, -0]),
      new BigInt64Array([5n]),
      new ArrayBuffer(7),
      new Uint8ClampedArray(0),
    ],
    flat: many(900),
    list: many(20_000),
    table: Object.fromEntries(many(3000).map((n) => [`key ${n}`, { n }])),
    map: new Map<unknown, unknown>([
      ...many(2000).map((n): [unknown, unknown] => [`user:${n}`, { id: n }]),
      [NaN, 'not a number'],
      [-0, 'zero'],
      [10n, 'big'],
      [undefined, null],
      ['a key that is too long to stand in its entry '.repeat(10), new Map([[1, new Set([2])]])],
      [0.5, [[]]],
    ]),
    set: new Set(['z', 'a', 1, 3n, null, 'ü'.repeat(200)]),
    empty: [{}, [], new Map(), new Set()],
  }
}
