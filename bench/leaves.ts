/** `get` of random leaves of the 20 MB document, against the same walk on a private copy. */

import { createStore } from '../src/index.ts'
import { documentText, type Path, randomPaths, seeded, STORE_BYTES } from './document.ts'
import { inTurn, ratioOf, type Side } from './rounds.ts'
import { digits, report } from './rows.ts'

const PATHS = 50_000
const ROUNDS = 11

const document: unknown = JSON.parse(documentText())
const store = createStore(document, { maxBytes: STORE_BYTES })
const get = (store as unknown as { get(...path: Path): unknown }).get.bind(store)
const chosen = randomPaths(document, PATHS, seeded(5))
let asked: readonly Path[] = chosen
let found = 0

/** The same keys as strings that nobody has hashed yet. */
function build(): void {
  asked = chosen.map((path) => path.map((key) => (typeof key === 'string' ? fresh(key) : key)))
}

function fresh(key: string): string {
  return Buffer.from(key, 'utf16le').toString('utf16le')
}

function walk(path: Path): unknown {
  let at = document
  for (const key of path) at = (at as Record<PropertyKey, unknown>)[key]
  return at
}

function sides(prepare: () => void): Record<'ours' | 'copy', Side> {
  return {
    ours: {
      prepare,
      run() {
        for (const path of asked) if (get(...path) !== undefined) found++
      },
    },
    copy: {
      prepare,
      run() {
        for (const path of asked) if (walk(path) !== undefined) found++
      },
    },
  }
}

const built = inTurn(sides(build), { rounds: ROUNDS, warm: 2 })
const constant = inTurn(
  sides(() => {
    asked = chosen
  }),
  { rounds: ROUNDS, warm: 2 },
)
if (found === 0) throw new TypeError('nothing was read')
store.close()
const ns = (ms: number) => `${((ms * 1e6) / PATHS).toFixed(0)} ns`
const [builtRatio, constantRatio] = [
  ratioOf(built.ours, built.copy),
  ratioOf(constant.ours, constant.copy),
]
const how = `${ROUNDS} rounds of ${PATHS.toLocaleString('en')} random paths in turn; medians`

report([
  {
    job: '`get` of random leaves of the 20 MB document, keys just built',
    reached:
      `${digits(builtRatio)} × a private copy (${ns(built.ours.median)} to ` +
      `${ns(built.copy.median)})`,
    goal: '≤ 1.0 × the same walk on a private copy',
    met: builtRatio <= 1,
    how,
  },
  {
    job: '`get` of random leaves of the 20 MB document, constant keys',
    reached:
      `${digits(constantRatio)} × a private copy (${ns(constant.ours.median)} to ` +
      `${ns(constant.copy.median)})`,
    goal: '≤ 1.7 × the same walk on a private copy',
    met: constantRatio <= 1.7,
    how,
  },
])
