/** Branches are O(1): forked, dropped, adopted and rolled back, of a small and of a large store. */

import { createStore, type Store } from '../src/index.ts'
import { digits, median, report } from './rows.ts'

const SIZES = [100, 200_000]
const BATCHES = 60
const BATCH = 500
/** How many times more the large store may cost: caches are colder, nothing grows. */
const GROWTH_MAX = 2

type Rows = { id: number; name: string }[]

const jobs: Record<string, (store: Store<Rows>, branch: Store<Rows>) => void> = {
  'fork, then drop': (store) => store.fork().close(),
  'adopt a branch': (store, branch) => void store.adopt(branch, { force: true }),
  'roll back a version': (store) => void store.rollback(store.version - 1),
}

function measure(store: Store<Rows>, job: string): number {
  const run = jobs[job]!
  // Two values in turn: what is adopted, or rolled back to, differs from what there is.
  const one = store.fork()
  const other = store.fork()
  other.set([1, 'name'], 'another')
  store.set([2, 'name'], `before ${job}`)
  const times: number[] = []
  let turn = 0
  for (let batch = 0; batch < BATCHES; batch++) {
    const begin = process.hrtime.bigint()
    for (let index = 0; index < BATCH; index++) run(store, turn++ % 2 === 0 ? one : other)
    times.push(Number(process.hrtime.bigint() - begin) / BATCH)
  }
  one.close()
  other.close()
  return median(times.slice(BATCHES >> 2))
}

const reached = new Map<string, number[]>()
for (const size of SIZES) {
  const rows = Array.from({ length: size }, (_, id) => ({ id, name: `row ${id}` }))
  const store = createStore(rows, { maxBytes: 256 * 2 ** 20, history: 2 })
  for (const job of Object.keys(jobs)) {
    reached.set(job, [...(reached.get(job) ?? []), measure(store, job)])
  }
  store.synchronizeSync()
  const { versions, zombies } = store.verify()
  if (versions > 3 || zombies > 0) throw new TypeError('branches left versions behind')
  store.close()
}

report(
  [...reached].map(([job, [small = 0, large = 0]]) => ({
    job: `${job}, ${SIZES[1]!.toLocaleString('en')} rows`,
    reached: `${digits(large / 1000)} µs (${SIZES[0]} rows: ${digits(small / 1000)} µs)`,
    goal: `O(1): ≤ ${GROWTH_MAX} × that of ${SIZES[0]} rows`,
    met: large <= small * GROWTH_MAX,
    how:
      `median of ${BATCHES} batches of ${BATCH} after the first quarter, reclaiming included, ` +
      'one thread; verify() exact at the end',
  })),
)
