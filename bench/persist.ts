/** Publishing while a version of 50 MB is saved, and how fast it is saved and restored. */

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStore } from '../src/index.ts'
import { restoreStore, saveSnapshot } from '../src/persist.ts'
import { digits, median, report } from './rows.ts'

/** A map of so many entries takes about 50 MB in the heap. */
const ENTRIES = 400_000
const ROUNDS = 5
/** Updates between two looks at the event loop, as a service would. */
const BURST = 200

interface Entry {
  n: number
  name: string
  tags: string[]
}

const folder = mkdtempSync(join(tmpdir(), 'rootswap-bench-'))
const file = join(folder, 'save')
const entry = (n: number): Entry => ({ n, name: `entry number ${n}`, tags: [`tag ${n % 100}`] })
const map = new Map(Array.from({ length: ENTRIES }, (_, n) => [`key:${n}`, entry(n)]))
const store = createStore(map, { maxBytes: 2 ** 30 })
const bytes = store.stats().liveBytes
let turn = 0

/** Updates until `done`; how many a millisecond. */
async function publish(done: () => boolean): Promise<number> {
  const begin = performance.now()
  let updates = 0
  while (!done()) {
    for (let index = 0; index < BURST; index++) {
      const n = (turn++ * 7919) % ENTRIES
      store.set([`key:${n}`, 'n'], turn)
    }
    updates += BURST
    await new Promise((resolve) => setImmediate(resolve))
  }
  return updates / (performance.now() - begin)
}

const shares: number[] = []
const saveTimes: number[] = []
await publish(() => turn > 100_000) // warm
for (let round = 0; round < ROUNDS; round++) {
  let over = false
  const begin = performance.now()
  const saving = saveSnapshot(store, file).finally(() => {
    over = true
    saveTimes.push(performance.now() - begin)
  })
  const during = await publish(() => over)
  await saving
  await store.drained(store.version)
  const end = performance.now() + (saveTimes.at(-1) as number)
  const alone = await publish(() => performance.now() > end)
  shares.push(during / alone)
}
store.verify()

const restoreBegin = performance.now()
const back = await restoreStore<Map<string, Entry>>(file)
const restoreMs = performance.now() - restoreBegin
if (back.current.size !== ENTRIES) throw new TypeError('entries were lost')
const size = statSync(file).size
back.close()
store.close()
rmSync(folder, { recursive: true })

const share = median(shares)
const saveMs = median(saveTimes)
report([
  {
    job: 'publishing while 50 MB are saved, against publishing alone',
    reached: `${digits(share * 100, 0)} % of the rate`,
    goal: '≥ 80 %',
    met: share >= 0.8,
    how:
      `a Map of ${ENTRIES.toLocaleString('en')} entries, ${digits(bytes / 1e6, 0)} MB, ` +
      `\`set\` of one field each; saved ${ROUNDS} times, median; a save took ` +
      `${digits(saveMs, 0)} ms and wrote ${digits(size / 1e6, 0)} MB with fsync; ` +
      `restored in ${digits(restoreMs, 0)} ms`,
  },
])
