/** Random documents, and immutable edits that share what they do not change. */

import * as fc from 'fast-check'

import type { Model } from './small-heap.ts'

export type Path = readonly number[]

export interface Edit {
  readonly op: number
  readonly at: Path
  readonly from: Path
  readonly value: Model
}

const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h') },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'value', '7', '') },
)

const scalar = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.string({ maxLength: 12 }),
  fc.constantFrom(null, true, false, undefined, 1.5, 2 ** 40, Number.NaN, -0, 'a long string'),
)

export const document: fc.Arbitrary<Model> = fc.letrec<{ node: Model }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 6, depthIdentifier: 'document' },
    scalar,
    fc.array(tie('node'), { maxLength: 12, depthIdentifier: 'document' }),
    fc
      .uniqueArray(fc.tuple(key, tie('node')), {
        maxLength: 11,
        selector: ([name]) => name,
        depthIdentifier: 'document',
      })
      .map((entries) => objectOf(entries)),
  ),
})).node

export const path: fc.Arbitrary<Path> = fc.array(fc.nat(11), { maxLength: 6 })

export const edit: fc.Arbitrary<Edit> = fc.record({
  op: fc.nat(9),
  at: path,
  from: path,
  value: document,
})

export function objectOf(entries: readonly (readonly [string, Model])[]): Model {
  const object = {}
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return object
}

export function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** What a path leads to; numbers choose among keys, and the path ends at a scalar. */
export function follow(value: unknown, at: Path): unknown {
  let here = value
  for (const step of at) {
    if (!isContainer(here)) return here
    const keys = Object.keys(here)
    if (keys.length === 0) return here
    here = (here as Record<string, unknown>)[keys[step % keys.length] as string]
  }
  return here
}

export function applyEdit(model: Model, edit: Edit): Model {
  return changeAt(model, edit.at, (old) => changed(old, edit, model))
}

function changeAt(model: Model, at: Path, change: (old: Model) => Model): Model {
  const [step, ...rest] = at
  if (step === undefined || !isContainer(model)) return change(model)
  const keys = Object.keys(model)
  if (keys.length === 0) return change(model)
  const name = keys[step % keys.length] as string
  const child = (model as Record<string, Model>)[name]
  const next = changeAt(child, rest, change)
  if (Array.isArray(model)) return model.with(Number(name), next)
  return objectOf(
    Object.entries(model).map(([each, value]) => [each, each === name ? next : value] as const),
  )
}

/** Edits of one place. `root` is where moved values come from. */
function changed(old: Model, { op, from, value }: Edit, root: Model): Model {
  const given = op < 3 ? follow(root, from) : value
  if (op === 0 || op === 3) return given
  if (Array.isArray(old)) return changedArray(old, op, given, from[0] ?? 0)
  if (isContainer(old)) return changedObject(old, op, given, from[0] ?? 0)
  return given
}

function changedArray(old: readonly Model[], op: number, given: Model, index: number): Model {
  const at = old.length === 0 ? 0 : index % old.length
  switch (op) {
    case 4:
      return old.toSpliced(at, 1)
    case 5:
      return old.toSpliced(at, 0, given)
    case 6:
      return old.toReversed()
    case 7:
      return [...old, given, 1, given, 'more']
    case 8:
      return old.slice(0, at)
    default:
      return [...old, given]
  }
}

function changedObject(old: object, op: number, given: Model, index: number): Model {
  const entries = Object.entries(old) as [string, Model][]
  const at = entries.length === 0 ? 0 : index % entries.length
  switch (op) {
    case 4:
      return objectOf(entries.toSpliced(at, 1))
    case 5:
      return objectOf([['first', given], ...entries.filter(([name]) => name !== 'first')])
    case 6:
      return objectOf(entries.toReversed())
    case 7:
      return objectOf([...entries, ['k1', given], ['k2', 2], ['k3', given], ['k4', 'x']])
    case 8:
      return objectOf(entries.slice(0, at))
    default:
      return objectOf([...entries, ['added', given]])
  }
}
