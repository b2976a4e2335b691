/** One snapshot of 50 MB, held over 200,000 publishes that each change one entry of 100,000. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createStore } from '../../../src/index.ts'
import { settled } from '../store/inside.ts'

const ENTRIES = 100_000
const PUBLISHES = 200_000
const MEGABYTE = 2 ** 20

test('the heap holds that version, the current one, and no more than a megabyte', async () => {
  const entry = (version: number, index: number) => `${version}/${index} ${'z'.repeat(450)}`
  const initial = new Map(Array.from({ length: ENTRIES }, (_, i) => [i, entry(0, i)]))
  const store = createStore(initial, { maxBytes: 512 * MEGABYTE })
  const alone = settled(store).liveBytes
  expect(alone).toBeGreaterThan(45 * MEGABYTE)
  const snapshot = store.snapshot()
  for (let turn = 1; turn <= PUBLISHES; turn++) {
    const index = (turn * 7919) % ENTRIES
    store.set([index], entry(turn, index))
  }
  const held = settled(store)
  console.log(`alone ${alone}, with the snapshot ${held.liveBytes} bytes`)
  for (let index = 0; index < ENTRIES; index += 997) {
    expect(snapshot.value.get(index)).toBe(entry(0, index))
  }
  snapshot.release()
  // Its Map was handed out, by `value` above: until that is collected it stays readable.
  let after = settled(store)
  for (let turn = 0; turn < 50 && after.zombies > 0; turn++) {
    // Looking through so large a heap takes its time: first give the collector some.
    for (let again = 0; again < 5; again++) {
      await sleep(5)
      globalThis.gc?.()
    }
    after = settled(store)
  }
  expect(after).toMatchObject({ zombies: 0, versions: 1 })
  // Every entry was replaced: the snapshot's version shares nothing with the current one.
  expect(held.liveBytes).toBeLessThan(alone + after.liveBytes + MEGABYTE)
  expect(after.liveBytes).toBeLessThan(alone * 1.02)
  store.close()
}, 300_000)
