/**
 * The house rules, kept by a test. Each rule is shown a sample that breaks it first: a check that
 * cannot fail is a defect.
 */
import { describe, expect, test } from 'vitest'
import {
  opening,
  pairings,
  sharedAccess,
  surroundings,
  unwinding,
} from './support/tidy/concurrency.ts'
import { bareErrors, scripts, standsAlone } from './support/tidy/hygiene.ts'
import { cycles, fileNames, layers } from './support/tidy/layers.ts'
import { sizes } from './support/tidy/sizes.ts'
import { type Source, filesBelow, isCode, readText, source } from './support/tidy/source.ts'

const paths = filesBelow()
const ours = paths.filter((path) => /^(src|workers|test|bench|examples)\//.test(path))
const files = ours.filter(isCode).map((path) => source(path, readText(path)))
const shipped = files.filter(({ path }) => /^(src|workers)\//.test(path))

const each = (rule: (file: Source) => string[]): string[] => files.flatMap(rule)
const sample = (text: string, path = 'src/memory/sample.ts'): Source => source(path, text)

/** How many of the samples the rule objects to. */
const caught = (rule: (file: Source) => string[], samples: Source[]): number =>
  samples.filter((file) => rule(file).length > 0).length

test('the rules look at something', () => {
  expect(files.length).toBeGreaterThan(10)
  expect(shipped.length).toBeGreaterThan(5)
  expect(files.some(({ imports }) => imports.length > 1)).toBe(true)
  expect(files.some(({ comments }) => comments.length > 1)).toBe(true)
})

describe('rule 1: at most 100 columns, 60 lines, 400 lines, 4 parameters', () => {
  test('a sample that breaks it is caught', () => {
    const long = (lines: number): string => `${'f()\n'.repeat(lines - 2)}`
    const bad = [
      sample(`// ${'x'.repeat(98)}`),
      sample('// a line\n'.repeat(401)),
      sample(`function f() {\n${long(61)}}`),
      sample(`const f = () => {\n${long(61)}}`),
      sample(`class A { m() {\n${long(61)}} }`),
      sample('function f(a: 1, b: 2, c: 3, d: 4, e: 5) {}'),
      sample('class A { constructor(a: 1, b: 2, c = 3, d = 4, ...e: 5[]) {} }'),
      sample(`describe('x', () => {\n${long(61)}})`),
      sample(`test('x', () => {\n${long(61)}})`, 'test/sample.test.ts'),
    ]
    expect(caught(sizes, bad)).toBe(bad.length)
    const good = [
      sample(`// ${'x'.repeat(97)}\n${'// a line\n'.repeat(399)}`),
      sample(`function f(this: 0, a: 1, b: 2, c: 3, d: 4) {\n${long(60)}}`),
      sample(`describe('x', () => {\n${long(61)}})`, 'test/sample.test.ts'),
    ]
    expect(caught(sizes, good)).toBe(0)
  })

  test('the repository keeps it', () => expect(each(sizes)).toEqual([]))
})

describe('rule 2: imports point down the layers', () => {
  const importing = (path: string, to: string): Source => sample(`import { x } from '${to}'`, path)

  test('a sample that breaks it is caught', () => {
    const bad = [
      importing('src/memory/a.ts', '../reclaim/round.ts'),
      importing('src/reclaim/a.ts', '../versions/root.ts'),
      importing('src/values/a.ts', '../store/store.ts'),
      importing('src/store/a.ts', '../cli/main.ts'),
      importing('src/store/a.ts', '../rcu/reader.ts'),
      importing('src/store/a.ts', '../index.ts'),
      importing('src/store/a.ts', '../elsewhere/a.ts'),
      importing('src/elsewhere/a.ts', '../memory/words.ts'),
      importing('src/store/a.ts', '../../test/a.ts'),
      importing('src/explore/a.ts', '../memory/words.ts'),
      importing('src/errors.ts', './memory/words.ts'),
      sample("await import('../store/store.ts')", 'src/memory/a.ts'),
      sample("import type { X } from '../store/store.ts'", 'src/memory/a.ts'),
      sample("export { x } from './x.ts'", 'src/store/a.ts'),
      sample("export * from './x.ts'", 'src/store/a.ts'),
      sample("export { x } from './store/x.ts'\nexport const y = 1", 'src/index.ts'),
    ]
    expect(caught(layers, bad)).toBe(bad.length)
    const good = [
      importing('src/store/a.ts', '../memory/words.ts'),
      importing('src/memory/a.ts', '../errors.ts'),
      importing('src/memory/a.ts', './words.ts'),
      importing('src/versions/waiters.ts', '../atomics-wait-polyfill/wait-async.ts'),
      importing('src/cli/a.ts', '../torture/a.ts'),
      importing('src/store/a.ts', 'node:fs'),
      sample("import type { Words } from '../memory/words.ts'", 'src/explore/a.ts'),
      sample("import { type Words } from '../memory/words.ts'", 'src/explore/a.ts'),
      sample("export { x } from './store/x.ts'\nexport type { Y } from './y.ts'", 'src/index.ts'),
    ]
    expect(caught(layers, good)).toBe(0)
  })

  test('a cycle is caught, and named', () => {
    const ring = ['a', 'b', 'c'].map((name, index, all) =>
      importing(`src/store/${name}.ts`, `./${all[(index + 1) % 3]}.ts`),
    )
    const named = 'a cycle: src/store/a.ts -> src/store/b.ts -> src/store/c.ts -> src/store/a.ts'
    expect(cycles(ring)).toEqual([named])
    expect(cycles(ring.slice(1))).toEqual([])
  })

  test('a file called utils, helpers, common, types or constants is caught', () => {
    const bad = ['src/store/utils.ts', 'src/types.ts', 'src/common/a.ts', 'src/constants.d.ts']
    expect(bad.flatMap(fileNames)).toHaveLength(4)
    expect(['src/store/store.ts', 'test/types.test-d.ts'].flatMap(fileNames)).toEqual([])
  })

  test('the repository keeps it', () => {
    expect(each(layers)).toEqual([])
    expect(cycles(files)).toEqual([])
    expect(ours.flatMap(fileNames)).toEqual([])
  })
})

describe('rule 3: Atomics, and views over a heap, behind one door', () => {
  test('a sample that breaks it is caught', () => {
    const bad = [
      sample('Atomics.load(m, 0)'),
      sample('const { load } = Atomics'),
      sample('new Int32Array(buffer)'),
      sample('new Uint8Array(this.words.buffer, 8, 4)'),
      sample('new Float64Array(x, offset, 1)'),
      sample('new DataView(heap.sharedBuffer)', 'src/store/a.ts'),
      sample('Buffer.from(words.buffer)', 'src/values/text.ts'),
      sample('Atomics.add(m, 0, 1)', 'workers/demo.ts'),
      sample('Atomics.add(m, 0, 1)', 'src/explore/slots.ts'),
    ]
    expect(caught(sharedAccess, bad)).toBe(bad.length)
    const good = [
      sample('Atomics.load(m, 0); new Int32Array(buffer)', 'src/memory/words.ts'),
      sample('Atomics.load(m, 0)', 'src/atomics-wait-polyfill/request.ts'),
      sample('Atomics.load(m, 0)', 'test/unit/words.test.ts'),
      sample('new Int32Array(buffer)', 'src/explore/slots.ts'),
      sample('new Int32Array(16); new Uint8Array([1, 2]); ports.Atomics; // Atomics'),
    ]
    expect(caught(sharedAccess, good)).toBe(0)
  })

  test('the repository keeps it', () => expect(each(sharedAccess)).toEqual([]))
})

describe('rule 4: concurrent code opens with invariants, ordering, progress, crash', () => {
  const all = ['Invariants', 'Ordering', 'Progress', 'Crash']
  const prose = (chapters: string[]): string =>
    `/**\n${chapters.map((name) => ` * **${name}.** So.\n`).join('')} */\nconst x = 1`

  test('a sample that breaks it is caught', () => {
    for (const left of all) {
      const file = sample(prose(all.filter((name) => name !== left)))
      expect(opening(file)).toEqual([`src/memory/sample.ts does not open with **${left}**`])
    }
    expect(opening(sample(`const y = 1\n${prose(all)}`))).toHaveLength(4)
    expect(opening(sample(prose(all)))).toEqual([])
    expect(opening(sample('const x = 1', 'src/store/a.ts'))).toEqual([])
  })

  test('the repository keeps it', () => expect(each(opening)).toEqual([]))
})

describe('rule 5: both ends of a pairing carry its label', () => {
  test('a sample that breaks it is caught', () => {
    const one = sample('// [publish-root] Pairs with [read-root]: the record is seen whole.')
    const other = sample('/* [read-root] Pairs with [publish-root]. */')
    const several = sample(
      '// Pairs with [read-root], [publish-root]\n/*\n * Pairs\n * with [c] */',
    )
    expect(pairings([one])).toHaveLength(1)
    expect(pairings([one, other])).toEqual([])
    expect(pairings([several])).toHaveLength(3)
    expect(pairings([one, other, several])).toHaveLength(1)
  })

  test('the repository keeps it', () => expect(pairings(shipped)).toEqual([]))
})

describe('rule 10: nothing intercepts an unwinding, and the core is deterministic', () => {
  test('a sample that breaks it is caught', () => {
    const bad = [
      sample('try { f() } catch {}'),
      sample('function f() {\n  try { g() } finally { h() }\n}', 'src/values/a.ts'),
      sample("// The user's callback.\n\n\n\ntry { f() } finally { g() }", 'src/cow/a.ts'),
    ]
    expect(caught(unwinding, bad)).toBe(bad.length)
    const good = [
      sample("// The user's callback may throw.\ntry { f() } finally { g() }"),
      sample('try { f() } finally { g() }', 'src/store/a.ts'),
      sample('// do not try { } catch here'),
    ]
    expect(caught(unwinding, good)).toBe(0)
    const dependent = [
      sample('const t = Date.now()'),
      sample('f(performance.now())', 'src/reclaim/a.ts'),
      sample('const seed = Math.random()', 'src/values/a.ts'),
      sample('let count = 0'),
      sample('export let count = 0', 'src/versions/a.ts'),
    ]
    expect(caught(surroundings, dependent)).toBe(dependent.length)
    expect(surroundings(sample('function f() { let n = 0; return n }'))).toEqual([])
  })

  test('the repository keeps it', () => {
    expect(each(unwinding)).toEqual([])
    expect(each(surroundings)).toEqual([])
  })
})

describe('errors, scripts, and what a clone does not have', () => {
  test('a sample that breaks it is caught', () => {
    const bad = [sample("throw new Error('no')"), sample("throw Error('no')")]
    expect(caught(bareErrors, bad)).toBe(2)
    expect(bareErrors(sample("new TypeError('no'); new RootswapError('ERR_X', 'no')"))).toEqual([])

    const many = Object.fromEntries(Array.from({ length: 13 }, (_, index) => [`s${index}`, '']))
    expect(scripts(JSON.stringify({ scripts: many }))).toHaveLength(1)

    const outside = [
      ['..', 'shared', 'api.md'].join('/'),
      ['', 'work', 'main', 'src'].join('/'),
      ['https://registry', 'npmjs', 'org/x'].join('.'),
    ]
    for (const text of outside) expect(standsAlone('README.md', `a\n${text}\nb`)).toHaveLength(1)
    expect(standsAlone('README.md', 'the shared memory at work')).toEqual([])
  })

  test('the repository keeps it', () => {
    expect(each(bareErrors)).toEqual([])
    expect(scripts(readText('package.json'))).toEqual([])
    const texts = paths.filter((path) => !/\.(png|gif|ico|bin|wasm|tgz|log)$/.test(path))
    expect(texts.flatMap((path) => standsAlone(path, readText(path)))).toEqual([])
  })
})
