/** `store.current.a.b.c`, hot, against the same chain on a local frozen object. */

import { Bench } from 'tinybench'
import { createStore } from '../src/index.ts'
import { digits, report } from './rows.ts'

const CHAINS = 100_000

const value = { a: { b: { c: 7 } }, other: [1, 2, 3] }
const store = createStore(value, { maxBytes: 16 * 2 ** 20 })
const local = Object.freeze({ a: Object.freeze({ b: Object.freeze({ c: 7 }) }) })
let sink = 0

const bench = new Bench({ time: 1000, warmupTime: 300 })
bench
  .add('local', () => {
    let sum = 0
    for (let index = 0; index < CHAINS; index++) sum += local.a.b.c
    sink += sum
  })
  .add('current', () => {
    let sum = 0
    for (let index = 0; index < CHAINS; index++) sum += store.current.a.b.c
    sink += sum
  })
await bench.run()

const [localNs, currentNs] = bench.tasks.map((task) => {
  const { result } = task
  if (result === undefined || !('latency' in result)) throw new TypeError('the bench did not run')
  return (result.latency.p50 * 1e6) / CHAINS
}) as [number, number]
if (sink === 0) throw new TypeError('nothing was read')
store.close()

report([
  {
    job: '`store.current.a.b.c`, hot',
    reached: `${digits(currentNs - localNs)} ns above ${digits(localNs)} ns`,
    goal: '≤ 3 ns above the chain on a local frozen object',
    met: currentNs - localNs <= 3,
    how: 'tinybench, loops of 100,000 chains each, medians of a second each, one process',
  },
])
