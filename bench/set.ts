/** Writes to a Map of a million users: one key a publish, and ten thousand in one recipe. */

import { seeded } from './document.ts'
import { inTurn } from './rounds.ts'
import { digits, report, type Row } from './rows.ts'
import { LMDB_MISSING, lmdbOfUsers, storeOfUsers, USERS, userKeys, usersOfKeys } from './users.ts'

const SETS = 20_000
const ROUNDS = 15
const KEYS = 10_000
const RECIPES = 15

const keys = userKeys()
const users = usersOfKeys(keys)
const store = storeOfUsers(users)
const lmdb = lmdbOfUsers(users)
const random = seeded(4)
let chosen: string[] = []
let number = 0

const choose = (count: number) => (): void => {
  chosen = Array.from({ length: count }, () => keys[Math.floor(random() * USERS)] as string)
}
const times = inTurn(
  {
    ours: {
      prepare: choose(SETS),
      run() {
        for (const key of chosen) store.set([key], { id: number, score: number++ & 0xffff })
      },
    },
    lmdb: {
      prepare: choose(SETS),
      run() {
        if (lmdb === undefined) return
        for (const key of chosen) lmdb.db.putSync(key, { id: number, score: number++ & 0xffff })
      },
    },
  },
  { rounds: ROUNDS, warm: 4 },
)
const recipes = inTurn(
  {
    values: {
      prepare: choose(KEYS),
      run() {
        store.update((draft) => {
          for (const key of chosen) draft.set(key, { id: number, score: number++ & 0xffff })
        })
      },
    },
    fields: {
      prepare: choose(KEYS),
      run() {
        store.update((draft) => {
          for (const key of chosen) {
            const user = draft.get(key) as { score: number }
            user.score = number++ & 0xffff
          }
        })
      },
    },
  },
  { rounds: RECIPES, warm: 4 },
)
await store.synchronize()
store.verify()

const oneUs = (times.ours.median * 1000) / SETS
const keyUs = (recipes.values.median * 1000) / KEYS
const fieldUs = (recipes.fields.median * 1000) / KEYS
const rows: Row[] = [
  {
    job: '`set` of one key in a Map of 1 M, a publish each',
    reached: `${digits(oneUs)} µs`,
    goal: '≤ 2 µs, reclaiming included',
    met: oneUs <= 2,
    how:
      `${ROUNDS} rounds of ${SETS.toLocaleString('en')} random keys, new objects; ` +
      'medians; verify() exact at the end',
  },
  {
    job: '`update` of 10,000 existing keys of a Map of 1 M in one recipe',
    reached:
      `${digits(keyUs)} µs a key with \`draft.set(key, user)\`; ${digits(fieldUs)} µs ` +
      'with `draft.get(key).score = …`',
    goal: '≤ 1 µs a key',
    met: keyUs <= 1,
    how: `${RECIPES} rounds in turn, random keys; medians, reclaiming included`,
  },
]
if (lmdb === undefined) {
  console.log(`\`set\` in a Map of 1 M: ${LMDB_MISSING}`)
} else {
  const faster = times.lmdb.median / times.ours.median
  rows.push({
    job: '`set` of one key in a Map of 1 M, a publish each',
    reached: `${digits(faster, 1)} × faster (${digits((times.lmdb.median * 1000) / SETS)} µs)`,
    goal: '≥ 4 × faster than lmdb `putSync`, `noSync`',
    met: faster >= 4,
    how: `${ROUNDS} rounds of ${SETS.toLocaleString('en')} in turn with ours; medians`,
  })
}
await lmdb?.remove()
store.close()
report(rows)
