/** Times three jobs of a store and prints nanoseconds per call as JSON. */

import { createStore } from '../src/index.ts'
import { nanoseconds } from './rows.ts'

const COUNT = 30_000
const users = Object.fromEntries(
  Array.from({ length: 200 }, (_, id) => [`user${id}`, { id, name: `name of ${id}`, score: id }]),
)
const store = createStore({ users, total: 0 }, { maxBytes: 64 * 2 ** 20 })
let sum = 0

const jobs = [
  () => {
    for (let index = 0; index < COUNT; index++) {
      store.set(['users', `user${index % 200}`, 'score'], index)
    }
  },
  () => {
    for (let index = 0; index < COUNT; index++) {
      sum += store.get('users', `user${index % 200}`, 'id') ?? 0
    }
  },
  () => {
    for (let index = 0; index < COUNT / 10; index++) {
      store.set(['total'], index)
      sum += store.current.total
    }
  },
]
for (let round = 0; round < 3; round++) for (const job of jobs) job()
const best = jobs.map((job) => {
  const times = Array.from({ length: 5 }, () => nanoseconds(job, COUNT))
  return Math.min(...times)
})
if (sum < 0) throw new TypeError('impossible')
console.log(JSON.stringify(best))
