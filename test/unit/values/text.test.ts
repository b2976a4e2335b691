import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isReference, nodeOf } from '../../../src/memory/kinds.ts'
import {
  immediateToValue,
  isImmediateString,
  NO_WORD,
  valueToImmediate,
} from '../../../src/values/word.ts'
import { makeMemory, makeThread } from './heap.ts'

const anyString = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.array(fc.nat(0xffff), { maxLength: 12 }).map((codes) => String.fromCharCode(...codes)),
  fc.array(fc.nat(0x1ff), { maxLength: 12 }).map((codes) => String.fromCharCode(...codes)),
)

describe('text', () => {
  it('is read back exactly, and equal only to itself', () => {
    const ctx = makeThread(makeMemory())
    const { text } = ctx
    fc.assert(
      fc.property(anyString, anyString, (one, other) => {
        const word = text.write(ctx.allocator, one)
        expect(text.ofWord(word)).toBe(one)
        expect(text.wordEquals(word, one)).toBe(true)
        expect(text.wordEquals(word, other)).toBe(one === other)
        expect(isImmediateString(word)).toBe(!isReference(word))
        expect(text.hash(one) === text.hash(other)).toBe(one === other)
      }),
      { numRuns: 2000 },
    )
  })

  it('is not equal to a string that differs in one character, at any place', () => {
    const ctx = makeThread(makeMemory())
    for (const unit of ['a', 'ÿ', '€']) {
      for (let length = 4; length < 20; length++) {
        const value = unit.repeat(length)
        const node = nodeOf(ctx.text.write(ctx.allocator, value))
        for (let index = 0; index < length; index++) {
          for (const odd of ['b', '\u0161', '\u0141', '\u01ff', '\u0000']) {
            const other = value.slice(0, index) + odd + value.slice(index + 1)
            expect(ctx.text.equals(node, other)).toBe(false)
          }
        }
      }
    }
  })
})

describe('immediate words', () => {
  it('stand for one value each, which they give back', () => {
    const words = new Map<number, unknown>()
    const values: unknown[] = [undefined, null, true, false, NaN, -0, 0, 1, -1, 2 ** 30 - 1, '']
    for (let code = 0; code < 256; code++) {
      const one = String.fromCharCode(code)
      values.push(one, `a${one}`, `${one}\u0000`, `\u00ff${one}\u00ff`, `${one}\u0000\u0000`)
    }
    for (const value of new Set(values)) {
      const word = valueToImmediate(value)
      expect(word).toBe(word | 0)
      expect(isReference(word)).toBe(false)
      expect(words.has(word)).toBe(false)
      expect(immediateToValue(word)).toBe(value)
      words.set(word, value)
    }
  })

  it('do not exist for anything else', () => {
    for (const value of [2 ** 30, -(2 ** 30) - 1, 0.5, 'four', '€', {}, [], 1n, Symbol('s')]) {
      expect(valueToImmediate(value)).toBe(NO_WORD)
    }
    expect(isReference(NO_WORD)).toBe(true)
    expect(nodeOf(NO_WORD)).toBe(0)
  })
})
