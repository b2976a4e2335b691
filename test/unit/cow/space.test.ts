/** Address spaces: segments, faults, forks, and a model of plain arrays. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { AddressSpace, type SegmentName } from '../../../src/cow.ts'
import { Heap } from '../../../src/index.ts'
import { randomFrom, seedOf, thrown } from '../store/inside.ts'

const PAGE = 256
const newHeap = (): Heap => Heap.create({ maxBytes: 16 * 2 ** 20, maxThreads: 8, maxWaitMs: 20 })
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

function newSpace(heap: Heap): AddressSpace {
  return AddressSpace.create(heap, {
    pageBytes: PAGE,
    segments: {
      text: { bytes: bytesOf('code '.repeat(100)), writable: false },
      data: { bytes: bytesOf('data '.repeat(200)) },
      heap: { byteLength: 5000, maxByteLength: 40_000 },
      stack: { byteLength: 1000, maxByteLength: 8192 },
    },
  })
}

test('segments lie apart, hold what they were given, and refuse what is outside', () => {
  using heap = newHeap()
  const space = newSpace(heap)
  const [text, data, brk, stack] = (['text', 'data', 'heap', 'stack'] as const).map((name) =>
    space.segment(name),
  )
  expect(text).toEqual({ address: 65_536, byteLength: 500, writable: false })
  expect(data!.address).toBeGreaterThan(text!.address + 500)
  expect(textOf(space.read(text!.address, 500))).toBe('code '.repeat(100))
  expect(textOf(space.read(data!.address + 251, 10))).toBe('ata data d')
  expect(space.read(brk!.address, 5000)).toEqual(new Uint8Array(5000))
  const wrong: [() => unknown, RegExp, string | undefined][] = [
    [() => space.write(text!.address, bytesOf('x')), /'text' is read-only/, 'text'],
    [() => space.read(text!.address + 499, 2), /0x101f3.*'text' ends/, 'text'],
    [() => space.read(0, 1), /0x0: no segment/, undefined],
    [() => space.write(brk!.address + 4990, new Uint8Array(11)), /'heap' ends/, 'heap'],
    [() => space.read(stack!.address - 1, 1), /'stack' begins/, 'stack'],
    [() => space.read(NaN, 1), /NaN/, undefined],
  ]
  for (const [use, message, segment] of wrong) {
    const error = thrown(use)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', segment })
    expect(error.message).toMatch(message)
  }
  space.write(stack!.address - 100, bytesOf('a frame below'))
  expect(space.segment('stack').address).toBeLessThan(stack!.address - 99)
  expect(textOf(space.read(stack!.address - 100, 13))).toBe('a frame below')
  expect(inspect(space)).toBe('AddressSpace { pageBytes: 256, released: false }')
  space.exit()
  expect(thrown(() => space.read(65_536, 1))).toMatchObject({ code: 'ERR_CLOSED' })
  heap.verify()
})

test('a fork copies no page, the first write of either side one, the last owner none', () => {
  using heap = newHeap()
  const empty = heap.verify().liveBlocks
  const parent = newSpace(heap)
  const { address } = parent.segment('data')
  const { pages } = parent.stats()
  expect(pages).toBe(2 + 4)
  const child = parent.fork()
  expect(parent.stats()).toMatchObject({ sharedPages: 6, pagesCopied: 0, bytesSaved: 6 * PAGE })
  child.write(address, bytesOf('mine'))
  expect(child.stats()).toMatchObject({ pages, sharedPages: 5, faults: 1, pagesCopied: 1 })
  expect(textOf(parent.read(address, 4))).toBe('data')
  parent.write(address, bytesOf('ours'))
  // The child has its own: nobody else holds this page any more.
  expect(parent.stats()).toMatchObject({ sharedPages: 5, faults: 1, pagesCopied: 0 })
  child.write(address + 250, bytesOf('across two pages'))
  expect(child.stats()).toMatchObject({ faults: 2, pagesCopied: 2 })
  expect(textOf(child.read(address, 4))).toBe('mine')
  expect(textOf(parent.read(address, 4))).toBe('ours')
  heap.verify()
  child.exit()
  parent.write(address + 600, bytesOf('alone again'))
  expect(parent.stats()).toMatchObject({ sharedPages: 0, pagesCopied: 0 })
  parent.release()
  heap.verify()
  expect(heap.verify().liveBlocks).toBe(empty)
})

test('brk: what the heap gains is zeros, what it loses is gone', () => {
  using heap = newHeap()
  const space = newSpace(heap)
  const { address } = space.segment('heap')
  space.write(address, new Uint8Array(5000).fill(7))
  const child = space.fork()
  space.brk(300)
  expect(thrown(() => space.read(address + 299, 2))).toMatchObject({ segment: 'heap' })
  space.brk(40_000)
  expect(space.read(address + 290, 20)).toEqual(
    Uint8Array.from({ length: 20 }, (_, index) => (index < 10 ? 7 : 0)),
  )
  space.write(address + 39_990, bytesOf('the end'))
  expect(child.read(address, 5000).every((byte) => byte === 7)).toBe(true)
  expect(thrown(() => space.brk(40_449))).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  space.brk(0)
  expect(space.segment('heap').byteLength).toBe(0)
  heap.verify()
})

test('vfork shares even writes until exec; meanwhile the writes of the parent wait', () => {
  using heap = newHeap()
  const parent = newSpace(heap)
  const { address } = parent.segment('data')
  const child = parent.vfork()
  child.write(address, bytesOf('by the child'))
  expect(textOf(parent.read(address, 12))).toBe('by the child')
  expect(parent.stats()).toMatchObject({ sharedPages: 0, pagesCopied: 0 })
  expect(thrown(() => parent.write(address, bytesOf('x')))).toMatchObject({ code: 'ERR_TIMEOUT' })
  expect(thrown(() => child.vfork())).toMatchObject({ code: 'ERR_CONFLICT' })
  child.exec({ segments: { data: { bytes: bytesOf('a new program') } } })
  parent.write(address, bytesOf('by the parent'))
  expect(textOf(child.read(child.segment('data').address, 13))).toBe('a new program')
  expect(parent.stats()).toMatchObject({ sharedPages: 0, pagesCopied: 0 })
  const other = parent.vfork()
  other.exit()
  parent.write(address, bytesOf('again'))
  const third = parent.vfork()
  third.release() // as its death would
  parent.write(address, bytesOf('and again'))
  heap.verify()
})

test('childFirst: the parent waits at its first copy, not for ever, and an exec saves it', () => {
  using heap = newHeap()
  const parent = newSpace(heap)
  const { address } = parent.segment('data')
  const first = parent.fork({ childFirst: true })
  first.exec({ segments: {} })
  parent.write(address, bytesOf('x'))
  expect(parent.stats()).toMatchObject({ faults: 1, pagesCopied: 0 })
  const idle = parent.fork({ childFirst: true })
  const begin = performance.now()
  parent.write(address, bytesOf('y'))
  expect(performance.now() - begin).toBeGreaterThan(10)
  expect(parent.stats()).toMatchObject({ faults: 2, pagesCopied: 1 })
  expect(textOf(idle.read(address, 1))).toBe('x')
  heap.verify()
})

test('views read and write as a DataView does', () => {
  using heap = newHeap()
  const space = newSpace(heap)
  const view = space.view('heap')
  expect(view.byteLength).toBe(5000)
  view.setInt32(PAGE - 2, -123456789, true)
  view.setFloat64(16, Math.PI)
  view.setBigUint64(24, 2n ** 63n, true)
  view.setInt8(0, -1)
  view.setUint16(8, 0xabcd)
  expect(view.getInt32(PAGE - 2, true)).toBe(-123456789)
  expect(view.getFloat64(16)).toBe(Math.PI)
  expect(view.getBigUint64(24, true)).toBe(2n ** 63n)
  expect([view.getUint8(0), view.getUint8(8), view.getUint8(9)]).toEqual([255, 0xab, 0xcd])
  expect(view.getInt16(8)).toBe(0xabcd - 0x10000)
  expect(thrown(() => view.getInt32(4998))).toMatchObject({ segment: 'heap' })
  for (const at of [-1, 4997, 131_072 + 5, 0.5, NaN]) {
    expect(() => view.setFloat64(at, 1)).toThrow(RangeError)
    expect(() => view.getFloat64(at)).toThrow(RangeError)
  }
  const { address } = space.segment('heap')
  expect(() => space.write(address + PAGE - 4.5, new Uint8Array(8))).toThrow(RangeError)
  expect(() => space.read(address + 0.5, 8)).toThrow(RangeError)
  expect(view.getInt32(PAGE - 2, true)).toBe(-123456789)
})

test('wrong options are refused', () => {
  using heap = newHeap()
  for (const pageBytes of [0, 32, 100, 131_072, NaN]) {
    expect(() => AddressSpace.create(heap, { pageBytes, segments: {} })).toThrow(RangeError)
  }
  const create = (segments: object) => () => AddressSpace.create(heap, { segments })
  for (const segments of [{ bss: {} }, { text: { bytes: 'x' } }]) {
    expect(create(segments)).toThrow(TypeError)
  }
  for (const heapBytes of [-1, 2 ** 31, 1.5]) {
    expect(create({ heap: { byteLength: heapBytes } })).toThrow(RangeError)
  }
  heap.verify()
})

interface Modelled {
  readonly space: AddressSpace
  readonly bytes: { [N in SegmentName]: Uint8Array }
}

const copied = ({ bytes }: Modelled): Modelled['bytes'] => ({
  text: bytes.text.slice(),
  data: bytes.data.slice(),
  heap: bytes.heap.slice(),
  stack: bytes.stack.slice(),
})

function initialBytes(space: AddressSpace): Modelled['bytes'] {
  const of = (name: SegmentName): Uint8Array => {
    const { address, byteLength } = space.segment(name)
    return space.read(address, byteLength)
  }
  return { text: of('text'), data: of('data'), heap: of('heap'), stack: of('stack') }
}

test('a tree of forks behaves as plain arrays do, whatever is written, dropped or replaced', () => {
  using heap = newHeap()
  const empty = heap.verify().liveBlocks
  const random = randomFrom(seedOf('spaces'))
  const upTo = (most: number): number => Math.floor(random() * (most + 1))
  const first = newSpace(heap)
  const all: Modelled[] = [{ space: first, bytes: initialBytes(first) }]
  let [copies, faults] = [0, 0]
  for (let step = 0; step < 2000; step++) {
    const one = all[upTo(all.length - 1)]!
    const what = upTo(11)
    if (what === 0 && all.length < 8) all.push({ space: one.space.fork(), bytes: copied(one) })
    else if (what === 1 && all.length > 1) {
      const { pagesCopied, faults: stopped } = one.space.stats()
      copies += pagesCopied
      faults += stopped
      if (random() < 0.5) one.space.exit()
      else one.space.release()
      all.splice(all.indexOf(one), 1)
    } else if (what === 2) {
      const length = upTo(12_000)
      const longer = new Uint8Array(length)
      longer.set(one.bytes.heap.subarray(0, length))
      one.space.brk(length)
      one.bytes.heap = longer
    } else if (what === 3 && random() < 0.3) {
      const data = Uint8Array.from({ length: upTo(3000) }, () => upTo(255))
      one.space.exec({ segments: { data: { bytes: data }, heap: { byteLength: 1234 } } })
      const none = new Uint8Array(0)
      Object.assign(one.bytes, { text: none, data, heap: new Uint8Array(1234), stack: none })
    } else {
      const name = (['data', 'heap', 'stack'] as const)[upTo(2)]!
      const model = one.bytes[name]
      const at = upTo(Math.max(0, model.length - 1))
      const length = upTo(Math.min(model.length - at, random() < 0.2 ? 3000 : 40))
      const part = Uint8Array.from({ length }, () => upTo(255))
      if (model.length > 0) one.space.write(one.space.segment(name).address + at, part)
      model.set(part, at)
    }
    for (const { space, bytes: model } of all) {
      const name = (['text', 'data', 'heap', 'stack'] as const)[upTo(3)]!
      const { address, byteLength } = space.segment(name)
      expect(byteLength).toBe(model[name].length)
      if (byteLength === 0) continue
      const found = space.read(address, byteLength)
      if (Buffer.compare(found, model[name]) !== 0) expect(found).toEqual(model[name])
    }
    heap.verify()
  }
  console.log(`${faults} faults, ${copies} pages copied`)
  expect(copies).toBeGreaterThan(50)
  for (const { space } of all) space.release()
  expect(heap.verify().liveBlocks).toBe(empty)
})

test('a child of vfork forks with childFirst: its parent still waits for it', () => {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, maxWaitMs: 20 })
  const space = newSpace(heap)
  const { address } = space.segment('data')
  const child = space.vfork()
  const grandchild = child.fork({ childFirst: true })
  grandchild.write(address, Uint8Array.of(7))
  expect(thrown(() => space.write(address, Uint8Array.of(5)))).toMatchObject({
    code: 'ERR_TIMEOUT',
  })
  child.exit()
  space.write(address, Uint8Array.of(5))
  expect([...space.read(address, 1), ...grandchild.read(address, 1)]).toEqual([5, 7])
  for (const each of [space, grandchild]) each.release()
  heap.verify()
})
