/** What runs in the pool: it reads the store that the main thread created, without any message. */
import { openStore } from 'rootswap'
import { threadId } from 'node:worker_threads'
import { sumOf } from './settings.js'

const config = openStore('config', { label: `pool worker ${threadId}` })

/** The gross price of an item: all that it says is of the one version that it names. */
export function price({ item, region: id }) {
  return config.read((value, version) => {
    const found = value.prices?.items[item]
    const region = value.regions.find((one) => one.id === id)
    if (found === undefined || region === undefined) return { version, found: false }
    return {
      version,
      found: true,
      thread: threadId,
      release: value.service.release,
      sku: found.sku,
      cents: found.cents,
      gross: Math.round(found.cents * (1 + region.vatRates.standard)),
      currency: region.currency,
      sum: value.prices.sum,
      message: value.maintenance.message,
    }
  })
}

/** Reads every price, and says whether they are those of one version. */
export function audit() {
  return config.read((value, version) => {
    const items = value.prices?.items ?? []
    const complete = value.prices === undefined || sumOf(items) === value.prices.sum
    return { version, thread: threadId, items: items.length, complete }
  })
}

/** A request that never ends by itself, in the middle of a read. Says which thread it is in. */
export function hang({ started }) {
  config.read(() => {
    started.postMessage(threadId)
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
  })
}
