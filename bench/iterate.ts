/** Iterating the Map of a million users, against a private `Map`. */

import { inTurn, ratioOf } from './rounds.ts'
import { digits, report } from './rows.ts'
import { storeOfUsers, userKeys, usersOfKeys } from './users.ts'

const ROUNDS = 9

const users = usersOfKeys(userKeys())
const store = storeOfUsers(users)
let sum = 0

const first = performance.now()
for (const user of store.current.values()) sum += user.score
const firstMs = performance.now() - first

const times = inTurn(
  {
    fields: {
      run() {
        for (const user of store.current.values()) sum += user.score
      },
    },
    mapFields: {
      run() {
        for (const user of users.values()) sum += user.score
      },
    },
    entries: {
      run() {
        for (const [key, user] of store.current) sum += key.length + user.score
      },
    },
    mapEntries: {
      run() {
        for (const [key, user] of users) sum += key.length + user.score
      },
    },
  },
  { rounds: ROUNDS, warm: 2 },
)
if (sum === 0) throw new TypeError('nothing was read')
store.close()
const fields = ratioOf(times.fields, times.mapFields)
const entries = ratioOf(times.entries, times.mapEntries)
const how = `${ROUNDS} rounds in turn over one version; medians of ratios`

report([
  {
    job: 'iterate a Map of 1 M, one field of each',
    reached:
      `${digits(fields)} × a private Map (${digits(times.fields.median, 0)} to ` +
      `${digits(times.mapFields.median, 0)} ms; ${digits(firstMs, 0)} ms the first ` +
      'time, which decodes)',
    goal: '≤ 1.0 × a private Map',
    met: fields <= 1,
    how,
  },
  {
    job: 'iterate a Map of 1 M, key and one field of each',
    reached:
      `${digits(entries)} × a private Map (${digits(times.entries.median, 0)} to ` +
      `${digits(times.mapEntries.median, 0)} ms)`,
    goal: '≤ 3 × a private Map',
    met: entries <= 3,
    how,
  },
])
