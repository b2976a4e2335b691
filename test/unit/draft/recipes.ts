/**
 * Random recipes as lists of numbers, so that one recipe runs alike on a draft of ours, on one of
 * immer's and on a plain value.
 */

import * as fc from 'fast-check'

type Container = Record<string, unknown> | unknown[]

const keys = ['a', 'b', 'c', 'long key', '7', '3', '__proto__', 'constructor']

const scalars: fc.Arbitrary<unknown> = fc.constantFrom(
  0,
  1,
  2.5,
  -0,
  '',
  'abc',
  'some text',
  'more text',
  true,
  null,
  undefined,
)

/** Documents with few different values, so that equal parts are stored once. */
export const documents: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 5 }),
  object: fc
    .uniqueArray(fc.tuple(fc.constantFrom(...keys), tie('value')), {
      maxLength: 5,
      selector: ([key]) => key,
    })
    .map((entries) => Object.fromEntries(entries)),
})).object

export const recipes: fc.Arbitrary<number[][]> = fc.array(
  fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }),
  { minLength: 1, maxLength: 12 },
)

/** Numbers to choose by. */
class Choices {
  readonly #numbers: readonly number[]
  #at = 0

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers
  }

  below(limit: number): number {
    return (this.#numbers[this.#at++ % this.#numbers.length] as number) % limit
  }

  from<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null
}

function own(container: Container): string[] {
  return Object.keys(container).slice(0, 40)
}

function read(container: Container, key: string): unknown {
  return Object.hasOwn(container, key) ? (container as Record<string, unknown>)[key] : undefined
}

function walk(root: Container, choices: Choices): Container {
  let container = root
  for (let depth = choices.below(4); depth > 0; depth--) {
    const inner = own(container).filter((key) => isContainer(read(container, key)))
    if (inner.length === 0) return container
    container = read(container, choices.from(inner)) as Container
  }
  return container
}

/** Whether `target` is `from` or inside it. */
function reaches(from: unknown, target: Container): boolean {
  if (!isContainer(from)) return false
  return from === target || Object.keys(from).some((key) => reaches(read(from, key), target))
}

function put(container: Container, key: string, value: unknown): void {
  // Elsewhere than in our drafts an assignment would set the prototype.
  if (key === '__proto__') return
  ;(container as Record<string, unknown>)[key] = value
}

function fresh(root: Container, target: Container, choices: Choices): unknown {
  const part = walk(root, choices)
  const inner = reaches(part, target) ? 'no part' : part
  switch (choices.below(6)) {
    case 0:
      return inner
    case 1:
      return { x: inner, y: [inner, { z: 'some text' }] }
    case 2:
      return [inner, 2.5]
    case 3:
      return { a: 1, b: ['some text', 'abc'] }
    default:
      return choices.from([0, 'some text', 2.5, undefined, null, 'new text', -0, 12, false])
  }
}

function stepOnArray(root: Container, list: unknown[], choices: Choices): void {
  const value = fresh(root, list, choices)
  const index = choices.below(list.length + 1)
  switch (choices.below(13)) {
    case 0:
      return void list.push(value)
    case 1:
      return void list.pop()
    case 2:
      return void list.shift()
    case 3:
      return void list.unshift(value, 'first')
    case 4:
      return void list.splice(index, choices.below(3), value)
    case 5:
      return void list.splice(index, choices.below(3))
    case 6:
      return void list.reverse()
    case 7:
      return void list.sort((a, b) => String(a).length - String(b).length)
    case 8:
      return void list.copyWithin(index, choices.below(list.length + 1))
    case 9:
      return void (list.length = index)
    case 10:
      return void list.fill(value, index, index + 2)
    case 11:
      return void list.push(list.splice(index, 1)[0])
    default:
      list[index] = value
  }
}

function stepOnObject(root: Container, object: Record<string, unknown>, choices: Choices): void {
  const present = own(object)
  const key =
    present.length > 0 && choices.below(2) === 0 ? choices.from(present) : choices.from(keys)
  switch (choices.below(6)) {
    case 0:
      if (key !== '__proto__') delete object[key]
      return
    case 1: {
      const to = choices.from(keys)
      const value = read(object, key)
      if (to === '__proto__') return
      if (key !== '__proto__') delete object[key]
      return put(object, to, value)
    }
    case 2:
      return put(object, key, read(object, key))
    case 3:
      return put(object, choices.from(keys), read(object, key))
    default:
      put(object, key, fresh(root, object, choices))
  }
}

/** Runs the recipe on a draft, or on a plain value. */
export function perform(root: unknown, recipe: readonly (readonly number[])[]): void {
  for (const numbers of recipe) {
    const choices = new Choices(numbers)
    const target = walk(root as Container, choices)
    if (Array.isArray(target)) stepOnArray(root as Container, target, choices)
    else stepOnObject(root as Container, target, choices)
  }
}
