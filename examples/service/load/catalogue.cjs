/**
 * Configurations of about a megabyte, one for each generation, in which every field that a response
 * shows follows from the generation: so that a response can be checked against exactly one of them.
 *
 * CommonJS, since the load generator's threads `require` what checks the responses.
 */
'use strict'

const ITEMS = 8_000

const centsOf = (item, generation) => 100 + ((item * 7_919 + generation * 104_729) % 90_000)
const releaseOf = (generation) => `generation ${generation}`
const vatOf = (generation) => (100 + generation) / 1_000

const sums = new Map()

/** As the service computes it: settings.js. */
function sumOf(generation) {
  let sum = sums.get(generation)
  if (sum === undefined) {
    sum = 0
    for (let item = 0; item < ITEMS; item++)
      sum = (sum * 31 + centsOf(item, generation)) % 0x3fffffff
    sums.set(generation, sum)
  }
  return sum
}

/** `base` is app.json: first, middle and last keys of the file say the generation. */
function configOf(base, generation) {
  const items = []
  for (let item = 0; item < ITEMS; item++) {
    items.push({
      sku: `SKU-${item}`,
      name: `Article ${item}, in the words of whoever keeps the catalogue, and what goes with it`,
      cents: centsOf(item, generation),
      stock: item % 97,
    })
  }
  const { service, maintenance, regions, ...rest } = base
  return {
    service: { ...service, release: releaseOf(generation) },
    ...rest,
    regions: regions.map(({ id, currency }) => {
      return { id, currency, vatRates: { standard: vatOf(generation) } }
    }),
    prices: { items, sum: sumOf(generation) },
    maintenance: { ...maintenance, message: releaseOf(generation) },
  }
}

module.exports = { ITEMS, centsOf, configOf, releaseOf, sumOf, vatOf }
