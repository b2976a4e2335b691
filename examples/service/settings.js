/** What the service asks of its configuration, and what it takes for granted after that. */
import * as v from 'valibot'

const part = v.pipe(v.number(), v.minValue(0), v.maxValue(1))

/** Only what this service reads; the rest of the file is published as it is. */
export const schema = v.looseObject({
  service: v.looseObject({ name: v.string(), release: v.string() }),
  limits: v.looseObject({ cartItemsMax: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  regions: v.pipe(
    v.array(
      v.looseObject({
        id: v.string(),
        currency: v.string(),
        vatRates: v.looseObject({ standard: part }),
      }),
    ),
    v.minLength(1),
  ),
  // The large part: prices are many, and their sum says whether they are complete.
  prices: v.optional(v.looseObject({ items: v.array(v.unknown()), sum: v.number() })),
  maintenance: v.looseObject({ enabled: v.boolean(), message: v.string() }),
})

/** Depends on every price and on their order. */
export function sumOf(items) {
  let sum = 0
  for (let index = 0; index < items.length; index++) {
    sum = (sum * 31 + items[index].cents) % 0x3fffffff
  }
  return sum
}

/** `check` of `watchConfig`: what a schema cannot say. */
export function check(candidate) {
  const { prices } = candidate
  if (prices === undefined || sumOf(prices.items) === prices.sum) return
  return `the prices add up to ${sumOf(prices.items)}, not to ${prices.sum}: some are missing`
}
