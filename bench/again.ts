/** `current` after an update of one property of the 20 MB document, down to the changed leaf. */

import { createStore, type Store } from '../src/index.ts'
import { documentText, type Path, randomPaths, seeded, STORE_BYTES } from './document.ts'
import { digits, median, report } from './rows.ts'

const TIMES = 4000
const NARROW_KEYS = 64

type Writable = Store<unknown> & { set(path: Path, value: unknown): unknown }

const document: unknown = JSON.parse(documentText())
const store = createStore(document, { maxBytes: STORE_BYTES }) as unknown as Writable
const paths = randomPaths(document, 60_000, seeded(6)).filter((path) => path.length >= 5)
let number = 0

/** Keys of the objects on a path, and the most that one has. */
function keysOn(path: Path): { all: number; widest: number } {
  let [all, widest, at] = [0, 0, document]
  for (const key of path) {
    const count = Object.keys(at as object).length
    all += count
    widest = Math.max(widest, count)
    at = (at as Record<PropertyKey, unknown>)[key]
  }
  return { all, widest }
}

/** Microseconds of `current` and the walk, after a change of each path in turn. */
function measure(chosen: readonly Path[]): number[] {
  const times: number[] = []
  for (let index = 0; index < TIMES; index++) {
    const path = chosen[index % chosen.length] as Path
    const text = `v${number++}`
    store.set(path, text)
    const begin = process.hrtime.bigint()
    let at: unknown = store.current
    for (const key of path) at = (at as Record<PropertyKey, unknown>)[key]
    times.push(Number(process.hrtime.bigint() - begin) / 1000)
    if (at !== text) throw new TypeError('the change is not seen')
  }
  return times.slice(TIMES >> 2)
}

const narrow = paths.filter((path) => keysOn(path).widest <= NARROW_KEYS).slice(0, 200)
const wide = paths.filter((path) => keysOn(path).widest > 256).slice(0, 200)
const narrowUs = median(measure(narrow))
const wideUs = median(measure(wide))
const wideKeys = median(wide.map((path) => keysOn(path).all))
store.verify()
store.close()

const how =
  `${TIMES.toLocaleString('en')} changes of ${narrow.length} random places in turn, ` +
  'one thread; median'
report([
  {
    job:
      '`current` after a change of the 20 MB document, to the changed leaf, objects of ' +
      '≤ 64 keys',
    reached: `${digits(narrowUs, 1)} µs`,
    goal: '≤ 12 µs',
    met: narrowUs <= 12,
    how,
  },
  {
    job:
      '`current` after a change of the 20 MB document, to the changed leaf, through ' +
      'wide objects',
    reached: `${digits(wideUs / wideKeys)} µs a key (${digits(wideUs, 0)} µs, ${wideKeys} keys)`,
    goal: '≤ 0.4 µs a key',
    met: wideUs / wideKeys <= 0.4,
    how,
  },
])
