/** Copy-on-write strings: the classic example, a model, and threads. */
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { CowString } from '../../../src/cow.ts'
import { Heap } from '../../../src/index.ts'
import { randomFrom, seedOf, thrown } from '../store/inside.ts'

const program = new URL('../../../dist/test/workers/string-sharer.js', import.meta.url)
const newHeap = (): Heap => Heap.create({ maxBytes: 16 * 2 ** 20, maxThreads: 8 })

test('the classic example: the first write moves, the second is in place', () => {
  using heap = newHeap()
  const str1 = CowString.create(heap, 'hello world')
  const str2 = str1.clone()
  const { address } = str1
  expect([str2.address, str1.count, str1.sharesWith(str2)]).toEqual([address, 2, true])
  str1.set(1, 'q')
  expect(str1.address).not.toBe(address)
  expect([str2.address, str1.count, str2.count]).toEqual([address, 1, 1])
  str2.set(1, 'w')
  expect(str2.address).toBe(address)
  expect([`${str1}`, `${str2}`]).toEqual(['hqllo world', 'hwllo world'])
  str1.release()
  str2.release()
})

test('slices share, and appending in place keeps the address while there is room', () => {
  using heap = newHeap()
  const whole = CowString.create(heap, 'hello world')
  const part = whole.slice(-5)
  expect(`${part}`).toBe('world')
  expect([part.sharesWith(whole), part.address - whole.address]).toEqual([true, 12])
  expect([part.at(0), part.at(-1), part.at(5), part.at(NaN)]).toEqual(['w', 'd', undefined, 'w'])
  expect(`${part.append('!').splice(0, 1, 'W')}`).toBe('World!')
  expect(`${whole}`).toBe('hello world')
  const { address } = part
  let kept = 0
  for (let turn = 0; turn < 1000; turn++) {
    const before = part.address
    part.append('ab')
    if (part.address === before) kept++
  }
  expect(part.address).not.toBe(address)
  expect(kept).toBeGreaterThan(970)
  expect(`${part}`).toBe(`World!${'ab'.repeat(1000)}`)
  expect(inspect(whole)).toBe('CowString "hello world"')
  heap.verify()
})

test('random strings behave as plain ones, whatever shares with what', () => {
  using heap = newHeap()
  const empty = heap.verify().liveBlocks
  const random = randomFrom(seedOf('strings'))
  const upTo = (most: number): number => Math.floor(random() * (most + 1))
  const some = (): string => {
    const units = Array.from({ length: upTo(random() < 0.02 ? 6000 : 9) }, () => upTo(0xffff))
    return String.fromCharCode(...units)
  }
  const all: [CowString, string][] = [[CowString.create(heap, 'x'), 'x']]
  let inPlace = 0
  for (let step = 0; step < 4000; step++) {
    const pair = all[upTo(all.length - 1)]!
    const [string, plain] = pair
    const { address } = string
    const [start, end] = [upTo(plain.length), upTo(plain.length)]
    const text = some()
    const what = upTo(6)
    if (what === 0) all.push([string.slice(start, end), plain.slice(start, end)])
    else if (what === 1 && all.length > 1) {
      string.release()
      all.splice(all.indexOf(pair), 1)
    } else if (what === 2) pair[1] = `${string.append(text)}`
    else if (what === 3 && start < plain.length) {
      pair[1] = plain.slice(0, start) + 'é' + plain.slice(start + 1)
      string.set(start, 'é')
    } else {
      pair[1] = plain.slice(0, start) + text + plain.slice(start + end)
      string.splice(start, end, text)
    }
    if (what === 2) expect(pair[1]).toBe(plain + text)
    if (!string.isReleased && what > 1 && string.address === address) inPlace++
    for (const [one, model] of all) {
      if (one.length !== model.length || `${one}` !== model) expect(`${one}`).toBe(model)
    }
    if (all.length > 12) all.splice(3).forEach(([one]) => one.release())
    if (step % 100 === 0) heap.verify()
  }
  console.log(`${inPlace} of 4000 steps were in place`)
  expect(inPlace).toBeGreaterThan(300)
  for (const [one] of all) one.release()
  expect(heap.verify().liveBlocks).toBe(empty)
})

test('wrong arguments and released strings are errors that change nothing', () => {
  using heap = newHeap()
  const string = CowString.create(heap, 'abc')
  for (const index of [-1, 3, 1.5, NaN]) {
    expect(() => string.set(index, 'x')).toThrow(RangeError)
  }
  expect(() => string.set(0, 'xy')).toThrow(RangeError)
  expect(() => string.set(0, '')).toThrow(RangeError)
  expect(() => string.splice(4, 0, 'x')).toThrow(RangeError)
  expect(() => string.splice(0, -1)).toThrow(RangeError)
  expect(() => string.append(7 as never)).toThrow(TypeError)
  expect(() => CowString.create(heap, 7 as never)).toThrow(TypeError)
  expect(`${string}`).toBe('abc')
  const { handle } = string
  for (const bad of [null, {}, heap.handle, { ...handle, block: 'x' }]) {
    expect(thrown(() => CowString.open(bad as never))).toMatchObject({ code: 'ERR_BAD_HANDLE' })
  }
  string.release()
  string.release()
  for (const use of [() => string.length, () => `${string}`, () => string.clone()]) {
    expect(thrown(use)).toMatchObject({ code: 'ERR_CLOSED' })
  }
  expect(thrown(() => CowString.open(handle))).toMatchObject({ code: 'ERR_CLOSED' })
  heap.verify()
})

test('threads share, write, read and die, and no write is seen by another owner', async () => {
  // On a busy machine the lock's owner may be off its processor for long.
  using heap = Heap.create({ maxBytes: 16 * 2 ** 20, maxThreads: 8, maxWaitMs: 10_000 })
  const empty = heap.verify().liveBlocks
  const text = 'hello world, '.repeat(40)
  const string = CowString.create(heap, text)
  const workers = [0, 1].map((id) => {
    const worker = new Worker(program, { workerData: { handle: string.handle, id } })
    const failures: unknown[] = []
    worker.on('error', (error) => failures.push(error))
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    return { worker, failures, ended }
  })
  const deadline = performance.now() + 20_000
  let [moved, stayed] = [0, 0]
  while (Math.min(moved, stayed) < 100 && performance.now() < deadline) {
    // The workers open this very string while it is written.
    const { address } = string
    string.splice(0, text.length, (moved & 1) === 0 ? text.toUpperCase() : text)
    if (string.address === address) stayed++
    else moved++
    string.splice(0, text.length, text)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const { worker, failures, ended } of workers) {
    await worker.terminate()
    await ended
    expect(failures).toEqual([])
  }
  console.log(`the owner wrote ${stayed} times in place, ${moved} times into a copy`)
  expect(stayed).toBeGreaterThan(0)
  expect(moved).toBeGreaterThan(0)
  for (let turn = 0; turn < 500 && heap.threads().length > 1; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  expect([string.count, `${string}`]).toEqual([1, text])
  string.release()
  expect(heap.verify().liveBlocks).toBe(empty)
})
