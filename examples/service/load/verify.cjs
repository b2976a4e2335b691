/** Checks one response, whole, against the one generation that its version names. */
'use strict'

const { BroadcastChannel } = require('node:worker_threads')
const { ITEMS, centsOf, releaseOf, sumOf, vatOf } = require('./catalogue.cjs')

/** What is wrong with a body, or undefined. */
function complaint(body) {
  const { version, ...said } = JSON.parse(body)
  // The service begins with generation 0 as version 1, and each swap is one version.
  const generation = version - 1
  return differences(said, expected(said, generation)).join(', ') || undefined
}

function expected(said, generation) {
  if ('complete' in said) return { complete: true, items: ITEMS }
  const same = {
    release: releaseOf(generation),
    sum: sumOf(generation),
    message: releaseOf(generation),
    currency: 'EUR',
  }
  if (!('sku' in said)) return { ...same, standard: vatOf(generation) }
  const cents = centsOf(Number(said.sku.slice('SKU-'.length)), generation)
  return { ...same, cents, gross: Math.round(cents * (1 + vatOf(generation))) }
}

function differences(said, wanted) {
  const keys = Object.keys(wanted).filter((key) => said[key] !== wanted[key])
  return keys.map((key) => `${key} is ${said[key]}, not ${wanted[key]}`)
}

let channel
const seen = new Set()

/** For autocannon, in its thread: counts what is wrong as a mismatch, and tells the test more. */
function verifyBody(body) {
  channel ??= unref(new BroadcastChannel('rootswap-example-load'))
  const wrong = complaint(body)
  if (wrong !== undefined) channel.postMessage({ wrong, body })
  const { version } = JSON.parse(body)
  if (!seen.has(version)) channel.postMessage({ version })
  seen.add(version)
  return wrong === undefined
}

function unref(channel) {
  channel.unref()
  return channel
}

module.exports = verifyBody
module.exports.complaint = complaint
