/** Changes of the configuration file, as an operator makes them: good ones and bad ones. */
import { renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import catalogue from './catalogue.cjs'

const { configOf } = catalogue

/** Texts that must be refused, by the stage that refuses them. */
const INVALID = {
  parse: (config) => JSON.stringify(config).slice(0, -1_000),
  validate: (config) => JSON.stringify({ ...config, regions: [] }),
  check: ({ prices, ...config }) =>
    JSON.stringify({ ...config, prices: { ...prices, items: prices.items.slice(1) } }),
}

export class Swaps {
  #file
  /** Made before the load begins, whose thread this is: good texts in their order, bad ones. */
  #good = []
  #bad = {}
  #config
  /** Of the last file. */
  bytes = 0
  propagatedMs = []
  rejected = []

  constructor(base, file, count) {
    this.#file = file
    for (let generation = 0; generation <= count; generation++) {
      this.#good.push(JSON.stringify(configOf(base, generation)))
    }
    const next = configOf(base, count + 1)
    for (const [stage, spoil] of Object.entries(INVALID)) this.#bad[stage] = spoil(next)
    this.#save(this.#good.shift())
  }

  /** The configuration that follows the file. */
  follow(config) {
    this.#config = config
  }

  /** One good file, and the new version everywhere; `meanwhile` runs before that is awaited. */
  async good(meanwhile = async () => {}) {
    const config = this.#config
    const before = config.version
    const event = this.#next('reloaded')
    this.#save(this.#good.shift())
    const { version } = await event
    if (version !== before + 1) throw new TypeError(`version ${version} after ${before}`)
    const begin = performance.now()
    const propagated = config.propagated(version, { signal: AbortSignal.timeout(20_000) })
    await meanwhile(propagated)
    await propagated
    this.propagatedMs.push(performance.now() - begin)
  }

  /** One bad file: the version stays, and the event says why. */
  async bad(stage) {
    const { version } = this.#config
    const event = this.#next('rejected')
    this.#save(this.#bad[stage])
    const rejected = await event
    if (rejected.stage !== stage || this.#config.version !== version) {
      throw new TypeError(`a file that ${stage} should refuse: ${rejected.stage}`)
    }
    this.rejected.push(rejected.stage)
  }

  #save(text) {
    // As editors and deployments do: nobody may see half of it.
    writeFileSync(`${this.#file}.new`, text)
    renameSync(`${this.#file}.new`, this.#file)
    this.bytes = Buffer.byteLength(text)
  }

  async #next(name) {
    const { promise, resolve } = withResolvers()
    const end = this.#config.on(name, resolve)
    const late = sleep(20_000, 'late', { ref: false })
    const event = await Promise.race([promise, late])
    end()
    if (event === 'late') throw new TypeError(`no ${name} within 20 s`)
    return event
  }
}

function withResolvers() {
  let resolve
  const promise = new Promise((done) => (resolve = done))
  return { promise, resolve }
}

/** Runs the steps at even intervals over so many seconds. */
export async function spread(steps, seconds) {
  const begin = performance.now()
  for (const [index, step] of steps.entries()) {
    const due = begin + ((index + 0.5) * seconds * 1_000) / steps.length
    await sleep(Math.max(0, due - performance.now()))
    await step()
  }
}
