/** What a read of `rootswap/rcu` costs, and what idle readers cost a grace period. */

import { Heap } from '../src/index.ts'
import { Rcu, RcuPointer } from '../src/rcu.ts'
import { digits, nanoseconds, report, type Row } from './rows.ts'

const heap = Heap.create({ maxBytes: 256 * 2 ** 20 })
const rcu = Rcu.create(heap)
const rows: Row[] = []

/** Nanoseconds of one `read` of a pointer's payload. */
function reading(flavor: 'section' | 'qsbr'): number {
  const pointer = RcuPointer.create(heap)
  const block = heap.allocate(32)
  pointer.store(block)
  const reader = rcu.register({ flavor })
  const times = 2_000_000
  let sum = 0
  const payload = (): number => pointer.borrow()!.words[0]!
  const inSection = (): void => {
    for (let index = 0; index < times; index++) sum += reader.read(payload)
  }
  const inQsbr = (): void => {
    for (let index = 0; index < times; index++) sum += pointer.borrow()!.words[0]!
  }
  const work = flavor === 'qsbr' ? inQsbr : inSection
  const each = Math.min(...Array.from({ length: 7 }, () => nanoseconds(work, times)))
  if (sum !== 0) throw new TypeError('impossible')
  reader.unregister()
  pointer.close()
  block.release()
  return each
}

for (const { flavor, goal } of [
  { flavor: 'qsbr', goal: 5 },
  { flavor: 'section', goal: 35 },
] as const) {
  const each = reading(flavor)
  rows.push({
    job: `\`read\` of a pointer's payload, ${flavor}`,
    reached: `${digits(each)} ns`,
    goal: `≤ ${goal} ns`,
    met: each <= goal,
    how: '2,000,000 reads of one word, best of 7',
  })
}

/** Nanoseconds of a grace period beside so many idle readers. */
function beside(idle: number): number {
  const readers = Array.from({ length: idle }, (_, index) =>
    rcu.register({ flavor: index % 2 === 0 ? 'section' : 'qsbr' }),
  )
  for (const reader of readers) if (reader.flavor === 'qsbr') reader.offline()
  const times = 20_000
  const work = (): void => {
    for (let index = 0; index < times; index++) rcu.synchronizeSync()
  }
  const each = Math.min(...Array.from({ length: 5 }, () => nanoseconds(work, times)))
  for (const reader of readers) reader.unregister()
  return each
}

beside(10)
// In this order: the table never gets shorter, and what it holds is looked through.
const [one, hundred, most] = [beside(1), beside(100), beside(1000)]
const perReader = (most - one) / 999
rows.push({
  job: 'a grace period against 1 to 1,000 registered idle readers',
  reached:
    `${digits(perReader)} ns each (1: ${digits(one, 0)} ns, 100: ${digits(hundred, 0)} ` +
    `ns, 1,000: ${digits(most, 0)} ns)`,
  goal: '≤ 20 ns each, linear',
  met: perReader <= 20,
  how: 'registrations of one thread, half of them of each flavor, outside or offline; best of 5',
})

rcu.close()
heap.close()
report(rows)
