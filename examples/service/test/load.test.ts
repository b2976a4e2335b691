import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { sumOf } from '../settings.js'

interface Catalogue {
  ITEMS: number
  centsOf(item: number, generation: number): number
  configOf(
    base: object,
    generation: number,
  ): { prices: { items: { cents: number }[]; sum: number } }
  releaseOf(generation: number): string
  sumOf(generation: number): number
  vatOf(generation: number): number
}
const require = createRequire(import.meta.url)
const catalogue = require('../load/catalogue.cjs') as Catalogue
const { complaint } = require('../load/verify.cjs') as {
  complaint(body: string): string | undefined
}

/** A response of the price route, each field of the generation that is given for it. */
function price({ cents = 3, head = 3, tail = 3, sum = 3, vat = 3, version = 4 }): string {
  const net = catalogue.centsOf(17, cents)
  return JSON.stringify({
    version,
    found: true,
    release: catalogue.releaseOf(head),
    sku: 'SKU-17',
    cents: net,
    gross: Math.round(net * (1 + catalogue.vatOf(vat))),
    currency: 'EUR',
    sum: catalogue.sumOf(sum),
    message: catalogue.releaseOf(tail),
  })
}

describe('the check of a response', () => {
  test('takes one that is of one version', () => {
    expect(complaint(price({}))).toBeUndefined()
  })

  test.each([{ cents: 4 }, { head: 4 }, { tail: 2 }, { sum: 2 }, { vat: 9 }, { version: 5 }])(
    'refuses one with a part of another: %o',
    (part) => {
      expect(complaint(price(part))).toMatch(/ is .*, not /)
    },
  )

  test('refuses an audit that found a price missing, or says so', () => {
    const audit = { version: 2, thread: 1, items: catalogue.ITEMS, complete: true }
    expect(complaint(JSON.stringify(audit))).toBeUndefined()
    expect(complaint(JSON.stringify({ ...audit, complete: false }))).toMatch(/complete/)
    expect(complaint(JSON.stringify({ ...audit, items: 1 }))).toMatch(/items/)
  })
})

test('the sum is the one that the service computes, and differs from version to version', () => {
  const base = { service: {}, maintenance: {}, regions: [{ id: 'de' }] }
  const sums = Array.from({ length: 21 }, (_, generation) => {
    const { prices } = catalogue.configOf(base, generation)
    expect(sumOf(prices.items)).toBe(prices.sum)
    return prices.sum
  })
  expect(new Set(sums).size).toBe(21)
})
