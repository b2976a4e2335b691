/**
 * What becomes of keys when events come again, in another order, or not at all: tried with random
 * histories, on the shipped code and on broken builds of it, each of which must fail.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Keys } from '../../src/config/etcd/keys.ts'
import type { KeyValue, WatchEvent } from '../../src/config/etcd/client.ts'

type Revision = readonly WatchEvent[]
type State = Readonly<Record<string, string>>

interface History {
  readonly revisions: readonly Revision[]
  /** After each of them; the first one is before all. */
  readonly states: readonly State[]
}

/** What a store would say of these writes: at each revision some of four keys, a value or none. */
function historyOf(writes: readonly (readonly (number | undefined)[])[]): History {
  const held = new Map<string, KeyValue>()
  const revisions: Revision[] = []
  const states: State[] = [{}]
  for (const [index, write] of writes.entries()) {
    const revision = String(index + 2)
    const events: WatchEvent[] = []
    for (const [place, value] of write.entries()) {
      const name = `k${place}`
      const old = held.get(name)
      const key = Buffer.from(name)
      if (value === undefined) continue
      if (value < 0) {
        if (old === undefined) continue
        held.delete(name)
        const gone = { key, value: Buffer.alloc(0), create_revision: '0', version: '0' }
        events.push({ type: 'Delete', kv: { ...gone, mod_revision: revision } })
      } else {
        const create_revision = old?.create_revision ?? revision
        const version = String(Number(old?.version ?? 0) + 1)
        const kv = { key, value: Buffer.from(`${value}`), create_revision, version }
        held.set(name, { ...kv, mod_revision: revision })
        events.push({ type: 'Put', kv: { ...kv, mod_revision: revision } })
      }
    }
    revisions.push(events)
    states.push(Object.fromEntries([...held].map(([name, { value }]) => [name, `${value}`])))
  }
  return { revisions, states }
}

const writes = fc.array(
  fc.tuple(
    ...[0, 1, 2, 3].map(() => fc.option(fc.integer({ min: -1, max: 9 }), { nil: undefined })),
  ),
  { minLength: 1, maxLength: 12 },
)

const stateOf = (keys: Keys): State =>
  Object.fromEntries(keys.texts('json').map(({ file, bytes }) => [file, `${Buffer.from(bytes)}`]))

type Build = typeof Keys

/** Events that come again change nothing, however the revisions are cut into responses. */
function repeats(build: Build): void {
  const cut = fc.array(fc.tuple(fc.nat(12), fc.nat(12)), { maxLength: 12 })
  const property = fc.property(writes, cut, (given, parts) => {
    const { revisions, states } = historyOf(given)
    const keys = new build({ cluster: 'c', revision: 1n, found: [] })
    let done = 0
    const send = (from: number, to: number): void => {
      const events = revisions.slice(from, to).flat()
      expect(keys.apply(events)).toBe(revisions.slice(done, to).flat().length)
      done = Math.max(done, to)
      expect(stateOf(keys)).toEqual(states[done])
    }
    for (const [back, forth] of parts) {
      send(Math.max(0, done - back), Math.min(revisions.length, done + forth))
    }
    send(0, revisions.length)
  })
  fc.assert(property, { numRuns: 300, seed: 7 })
}

/** Whether a lost event shows by the next one of its key: all do but a change before its end. */
function shows({ type, kv }: WatchEvent, later: Revision, before: State): boolean {
  const next = later.find((event) => event.kv.key.equals(kv.key))
  if (next === undefined) return false
  return !(type === 'Put' && next.type === 'Delete' && `${kv.key}` in before)
}

/** After a gap, or out of order: where it shows, and else only then, nothing is applied. */
function gaps(build: Build): number {
  let noticed = 0
  const property = fc.property(writes, fc.nat(11), fc.boolean(), (given, at, swapped) => {
    const { revisions } = historyOf(given)
    const lost = revisions[at] ?? []
    const later = revisions.slice(at + 1).flat()
    const keys = new build({ cluster: 'c', revision: 1n, found: [] })
    keys.apply(revisions.slice(0, at).flat())
    const before = stateOf(keys)
    const applied = keys.apply(swapped ? [...later, ...lost] : later)
    const isSwapped = swapped && lost.length > 0 && later.length > 0
    const isNoticed = isSwapped || lost.some((event) => shows(event, later, before))
    expect(applied === undefined).toBe(isNoticed)
    if (!isNoticed) return
    noticed++
    expect(stateOf(keys)).toEqual(before)
  })
  fc.assert(property, { numRuns: 1000, seed: 7 })
  return noticed
}

describe('keys that are followed', () => {
  test('take each event once', () => repeats(Keys))

  test('know by the next event of a key that one was lost, or are right', () => {
    expect(gaps(Keys)).toBeGreaterThan(100)
  })
})

const folder = mkdtempSync(join(tmpdir(), 'rootswap-keys-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a broken build is caught: keys', () => {
  test.each([
    ['that take events again', 'if (revision <= had)', 'if (false)', repeats],
    ['that take any event of a key', 'if (revision < newest || !isNext)', 'if (false)', gaps],
    ['that do not look at the order', 'revision < newest || !isNext', '!isNext', gaps],
    ['that do not count versions', 'version === BigInt(old.version) + 1n', 'true', gaps],
    ['that take any first version', 'return version === 1n', 'return true', gaps],
    ['that delete what is not there', "type === 'Delete' ? old !== undefined", 'true ? true', gaps],
    ['that stop half-way', 'const found = new Map(this.#found)', 'const found = this.#found', gaps],
  ] as const)('%s', async (name, find, replace, check) => {
    const built = new URL('../../dist/src/config/etcd/keys.js', import.meta.url)
    const text = readFileSync(fileURLToPath(built), 'utf8')
    expect(text.split(find)).toHaveLength(2)
    const file = join(folder, `${name.replaceAll(' ', '-')}.mjs`)
    writeFileSync(file, text.replace(find, replace).replace(/^\/\/# source.*$/m, ''))
    const { Keys: broken } = (await import(pathToFileURL(file).href)) as { Keys: Build }
    expect(() => check(broken)).toThrow()
  })
})
