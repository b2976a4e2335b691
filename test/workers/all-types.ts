/**
 * Random edits over every type of value, each of one number, so that who knows the numbers in order
 * knows the value: they run alike on a draft and on a plain value.
 */
import { copied } from './identical.ts'
import { randomFrom } from './churn.ts'

export interface Root {
  /** The numbers of all edits so far, in order. */
  edits: number[]
  data: { [key: string]: unknown }
}

type Node = unknown[] | Map<unknown, unknown> | Set<unknown> | { [key: string]: unknown }
type Pick = (below: number) => number

const KEYS = ['a', 'b', 'list', 'longer than a few letters', '7', '12', '', '__proto', 'ключ']
const MAP_KEYS = ['a', 1, 1n, -5n, 2.5, NaN, null, undefined, true, '1', 0, 'ü', 2n ** 70n]
const MOST = 300

export function newRoot(): Root {
  return { edits: [], data: { map: new Map(), set: new Set(), list: [], object: {} } }
}

export function applyEdit(root: Root, edit: number): void {
  const random = randomFrom(edit)
  const pick: Pick = (below) => Math.floor(random() * below)
  for (let times = 1 + pick(3); times > 0; times--) {
    const place = walk(root.data, pick)
    if (place instanceof Map) editMap(place, pick)
    else if (place instanceof Set) editSet(place, pick)
    else if (Array.isArray(place)) editList(place, pick)
    else editObject(place, pick)
  }
  // The root's own containers stay.
  for (const [key, value] of Object.entries(newRoot().data)) root.data[key] ??= value
  root.edits.push(edit)
}

function isNode(value: unknown): value is Node {
  if (typeof value !== 'object' || value === null) return false
  return !(value instanceof Date || value instanceof ArrayBuffer || ArrayBuffer.isView(value))
}

function childrenOf(node: Node): Node[] {
  if (node instanceof Set) return []
  const all = node instanceof Map ? [...node.values()] : Object.values(node)
  return all.filter(isNode)
}

function walk(root: Node, pick: Pick): Node {
  let node = root
  for (let depth = 1 + pick(4); depth > 0; depth--) {
    const inner = childrenOf(node)
    if (inner.length === 0) return node
    node = inner[pick(inner.length)]!
  }
  return node
}

function scalar(pick: Pick): unknown {
  const n = pick(100_000)
  const kinds: unknown[] = [
    n,
    n / 7,
    -0,
    NaN,
    `text ${n}`,
    'x'.repeat(n % 90),
    null,
    undefined,
    n % 2 === 0,
  ]
  kinds.push(BigInt(n) ** BigInt(n % 9), 'é€'.repeat(n % 9), '\ud800', -n, 2 ** 40 + n, '')
  return kinds[pick(kinds.length)]
}

function fresh(pick: Pick): unknown {
  const n = pick(200)
  switch (pick(12)) {
    case 0:
      return new Date(n * 1e7)
    case 1:
      return Uint8Array.from({ length: n }, (_, index) => index)
    case 2:
      return Float64Array.from([n, -0, NaN])
    case 3:
      return Int16Array.from([n, -n]).buffer
    case 4:
      return new Map<unknown, unknown>([
        [scalar(pick), { n }],
        ['in', new Set([n, `${n}`])],
      ])
    case 5:
      return new Set(Array.from({ length: n % 70 }, (_, index) => (n * index) % 101))
    case 6:
      return { z: n, a: [scalar(pick), { deep: n }], 5: 'five' }
    case 7:
      return Array.from({ length: n % 70 }, (_, index) => (index % 9 ? index : { index }))
    default:
      return scalar(pick)
  }
}

function editObject(object: { [key: string]: unknown }, pick: Pick): void {
  const keys = Object.keys(object)
  const key = KEYS[pick(KEYS.length)]!
  const present = keys[pick(Math.max(1, keys.length))]
  switch (pick(7)) {
    case 0:
      if (present !== undefined) delete object[present]
      return
    case 1:
      if (keys.length < MOST) for (let n = 0; n < 40; n++) object[`${key} ${n}`] = n
      return
    case 2:
      for (const gone of keys.slice(9)) delete object[gone]
      return
    case 3: {
      if (present === undefined) return
      const moved = object[present]
      delete object[present]
      object[key] = moved
      return
    }
    case 4:
      object[key] = copied(present === undefined ? 1 : object[present])
      return
    default:
      object[key] = fresh(pick)
  }
}

function editMap(map: Map<unknown, unknown>, pick: Pick): void {
  const key = pick(3) ? MAP_KEYS[pick(MAP_KEYS.length)] : pick(200)
  switch (pick(7)) {
    case 0:
      return void map.delete(key)
    case 1: {
      const kept = map.get(key)
      map.delete(key)
      return void map.set(key, kept)
    }
    case 2:
      if (map.size < MOST) for (let n = 0; n < 40; n++) map.set(n * 3, { n })
      return
    case 3:
      if (pick(4) === 0) map.clear()
      return
    case 4:
      map.forEach((value, each) => typeof value === 'number' && map.set(each, value + 1))
      return
    default:
      map.set(key, fresh(pick))
  }
}

function editSet(set: Set<unknown>, pick: Pick): void {
  const member = pick(2) ? MAP_KEYS[pick(MAP_KEYS.length)] : pick(300)
  switch (pick(5)) {
    case 0:
      return void set.delete(member)
    case 1:
      for (const each of set) if (typeof each === 'number' && each % 3 === 0) set.delete(each)
      return
    case 2:
      if (pick(5) === 0) set.clear()
      return
    default:
      set.add(member)
  }
}

function editList(list: unknown[], pick: Pick): void {
  const at = pick(list.length + 1)
  if (list.length > MOST) return void list.splice(9, list.length - 20)
  switch (pick(12)) {
    case 0:
      return void list.pop()
    case 1:
      return void list.shift()
    case 2:
      return void list.unshift(fresh(pick), at)
    case 3:
      return void list.splice(at, pick(3), fresh(pick))
    case 4:
      return void list.reverse()
    case 5:
      return void list.sort((a, b) => String(typeof a).length - String(typeof b).length)
    case 6:
      return void list.fill(scalar(pick), at, at + 3)
    case 7:
      return void (list.length = at)
    case 8:
      // What is copied inside a plain list would be one object at two places.
      if (!list.some(isNode)) list.copyWithin(at, 0, 5)
      return
    case 9:
      return void list.push(...list.splice(at, 2))
    default:
      list.push(fresh(pick))
  }
}
