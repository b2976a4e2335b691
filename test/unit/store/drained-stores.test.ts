import { expect, test } from 'vitest'
import { Heap } from '../../../src/index.ts'

test('a snapshot of another store of the heap does not hold drained up', async () => {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20 })
  const [one, other] = [heap.createStore({ n: 0 }), heap.createStore({ n: 0 })]
  const snapshot = other.snapshot()
  for (let n = 1; n <= 40; n++) {
    one.set(['n'], n)
    other.set(['n'], n)
  }
  await one.drained(one.version)
  let drained = false
  const waiting = other.drained(other.version).then(() => (drained = true))
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(drained).toBe(false)
  snapshot.release()
  await waiting
  heap.close()
})
