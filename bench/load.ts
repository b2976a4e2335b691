/** A Map of a million users into a store: time and bytes. */

import { digits, median, report } from './rows.ts'
import { storeOfUsers, USERS, userKeys, usersOfKeys } from './users.ts'

const ROUNDS = 7

const users = usersOfKeys(userKeys())
const times: number[] = []
let bytes = 0
for (let round = 0; round < ROUNDS; round++) {
  globalThis.gc?.()
  const begin = performance.now()
  const store = storeOfUsers(users)
  times.push(performance.now() - begin)
  bytes = store.stats().liveBytes
  store.close()
}
const us = (median(times.slice(1)) * 1000) / USERS
const each = bytes / USERS

report([
  {
    job: '`createStore` of a Map of 1 M',
    reached:
      `${digits(us)} µs an entry, ${digits(((times[0] ?? 0) * 1000) / USERS)} µs the ` +
      'first time',
    goal: '≤ 0.7 µs an entry',
    met: us <= 0.7,
    how: `${ROUNDS} stores in one process; median of all but the first`,
  },
  {
    job: 'bytes of a Map of 1 M',
    reached: `${digits(each, 1)} bytes an entry`,
    goal: '≤ 80 bytes an entry',
    met: each <= 80,
    how: '`stats().liveBytes`',
  },
])
