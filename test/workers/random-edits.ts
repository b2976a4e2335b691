/**
 * Random edits of JSON documents that run on a draft and on the plain value alike, and documents
 * to begin with: for property tests on one thread and on several.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface Edit {
  readonly op: number
  /** Steps to the container that is edited: each taken modulo its children. */
  readonly at: readonly number[]
  /** Steps to another part, that is moved or copied. */
  readonly from: readonly number[]
  readonly key: string
  readonly value: Json
}

export const EDITS = 12

type Container = Json[] | { [key: string]: Json }

const isContainer = (value: Json | undefined): value is Container =>
  typeof value === 'object' && value !== null

/** The container that the steps lead to, from a container. */
function follow(root: Container, steps: readonly number[]): Container {
  let found = root
  for (const step of steps) {
    const keys = Object.keys(found)
    const next = keys.length === 0 ? undefined : childOf(found, keys[step % keys.length]!)
    if (!isContainer(next)) break
    found = next
  }
  return found
}

function childOf(container: Container, key: string): Json | undefined {
  return (container as Record<string, Json>)[key]
}

/** Applies one edit to a container: to a draft, or to the plain value. */
export function apply(root: Container, edit: Edit): void {
  const place = follow(root, edit.at)
  if (Array.isArray(place)) editArray(place, root, edit)
  else editObject(place, root, edit)
}

/** A part of the root that may be put anywhere without a cycle: a copy, as JSON. */
function copied(root: Container, edit: Edit): Json {
  return JSON.parse(JSON.stringify(follow(root, edit.from))) as Json
}

function editArray(place: Json[], root: Container, edit: Edit): void {
  const { op, key, value } = edit
  const at = (edit.from[0] ?? 0) % (place.length + 1)
  switch (op) {
    case 0:
      return void place.push(value)
    case 1:
      return void place.unshift(value, key)
    case 2:
      return void place.pop()
    case 3:
      return void place.splice(at, 1 + (key.length % 3), value)
    case 4:
      return void place.splice(at, 2)
    case 5:
      return void place.reverse()
    case 6:
      if (place.length < 400) for (let n = 0; n < 60; n++) place.push(`${key} ${n}`)
      return
    case 7:
      return void (place.length = at)
    case 8:
      return void place.shift()
    case 9:
      return void place.push(copied(root, edit))
    default:
      place[at] = value
  }
}

function editObject(place: { [key: string]: Json }, root: Container, edit: Edit): void {
  const { op, key, value } = edit
  const keys = Object.keys(place)
  const existing = keys[(edit.from[0] ?? 0) % Math.max(1, keys.length)]
  switch (op) {
    case 0:
    case 1:
      place[key] = value
      return
    case 2:
    case 3:
      if (existing !== undefined) delete place[existing]
      return
    case 4:
      if (existing !== undefined) place[existing] = value
      return
    case 5:
      if (keys.length < 400) for (let n = 0; n < 60; n++) place[`${key} ${n}`] = n / 2
      return
    case 6:
      for (const gone of keys.slice(20)) delete place[gone]
      return
    case 7:
      place[key] = copied(root, edit)
      return
    case 8: {
      // Moves a child to another key.
      if (existing === undefined) return
      const child = place[existing]!
      delete place[existing]
      place[key] = child
      return
    }
    case 9:
      // A part of the whole at two places, and then changed through one of them.
      place[key] = {}
      return editObject(place[key] as { [key: string]: Json }, root, { ...edit, op: 7 })
    default:
      Object.assign(place, { [key]: value, 7: key })
  }
}

const KEYS = ['a', 'b', 'list', 'name', 'a longer key than the others', '0', '12', '-1', '', 'ключ']

export function randomEdit(random: () => number): Edit {
  const pick = (below: number): number => Math.floor(random() * below)
  const steps = (): number[] => Array.from({ length: pick(5) }, () => pick(1000))
  const key = random() < 0.7 ? KEYS[pick(KEYS.length)]! : `key ${pick(100)}`
  return { op: pick(EDITS), at: steps(), from: steps(), key, value: randomJson(random, 3) }
}

export function randomJson(random: () => number, depth: number): Json {
  const pick = (below: number): number => Math.floor(random() * below)
  const kind = pick(depth > 0 ? 10 : 7)
  if (kind < 2) return pick(2 ** 31) - 2 ** 30
  if (kind < 3) return random() * 10 ** pick(20)
  if (kind < 5) return 'text of any length, '.repeat(4).slice(0, pick(60)) + pick(50)
  if (kind < 6) return [null, true, false, '', 'é', '\ud800', 2 ** 31, -0.5][pick(8)]!
  if (kind < 7) return KEYS[pick(KEYS.length)]!
  const size = pick(5)
  const children = Array.from({ length: size }, () => randomJson(random, depth - 1))
  if (kind < 8) return children
  return Object.fromEntries(
    children.map((child, n) => [KEYS[(n * 3 + size) % KEYS.length]!, child]),
  )
}
