/** A branch's value published in another store: when that is refused, and where it goes on from. */

import { describe, expect, test } from 'vitest'
import { RootswapError } from '../../../src/index.ts'
import { codeOf, initial, left, make } from './branching.ts'

describe('adopt', () => {
  test('publishes the branch’s value, and the branch goes on from there', () => {
    const store = make()
    const branch = store.fork()
    branch.set(['limits', 'rate'], 7)
    const { hosts } = store.current
    expect(store.adopt(branch)).toEqual({ version: 2, changed: true })
    expect(store.current.limits.rate).toBe(7)
    expect(store.current.hosts).toBe(hosts)
    branch.set(['limits', 'rate'], 8)
    expect(store.adopt(branch).version).toBe(3)
    expect(store.adopt(branch)).toEqual({ version: 3, changed: false })
    branch.close()
    expect(store.get('limits', 'rate')).toBe(8)
    expect(left(store).versions).toBe(1)
    store.close()
  })

  test('is a conflict when the store moved, and changes neither; force replaces', () => {
    const store = make()
    const branch = store.fork()
    branch.set(['limits', 'rate'], 7)
    store.set(['limits', 'burst'], 1)
    let error: RootswapError | undefined
    try {
      store.adopt(branch)
    } catch (thrown) {
      error = thrown as RootswapError
    }
    expect(error).toBeInstanceOf(RootswapError)
    expect(error!.code).toBe('ERR_CONFLICT')
    expect(error!.fields).toMatchObject({ expectedVersion: 1, version: 2 })
    expect([store.version, branch.version, store.get('limits', 'burst')]).toEqual([2, 2, 1])
    const { version, patches } = store.adopt(branch, { force: true, patches: true })
    expect(version).toBe(3)
    expect(patches).toContainEqual({ op: 'replace', path: ['limits', 'burst'], value: 20 })
    expect(store.current).toEqual({ ...initial, limits: { rate: 7, burst: 20 } })
    branch.close()
    store.close()
  })

  test('a branch of a branch is adopted by its origin, by others with force alone', () => {
    const store = make()
    const child = store.fork()
    const grandchild = child.fork()
    grandchild.set(['limits', 'rate'], 3)
    expect(codeOf(() => store.adopt(grandchild))).toBe('ERR_CONFLICT')
    expect(child.adopt(grandchild).version).toBe(2)
    expect(store.adopt(child).version).toBe(2)
    grandchild.set(['limits', 'rate'], 4)
    expect(store.adopt(grandchild, { force: true }).version).toBe(3)
    expect(child.adopt(store, { force: true }).version).toBe(3)
    expect(child.current).toEqual(store.current)
    store.verify()
    store.close()
    child.close()
    grandchild.close()
  })

  test('what is adopted by another store by force still goes on from its own origin', () => {
    const store = make()
    const origin = store.fork()
    const branch = origin.fork()
    branch.set(['limits', 'rate'], 3)
    expect(store.adopt(branch, { force: true }).version).toBe(2)
    origin.set(['limits', 'burst'], 4) // version 2, too
    expect(codeOf(() => origin.adopt(branch))).toBe('ERR_CONFLICT')
    const other = store.fork()
    other.set(['limits', 'rate'], 5)
    expect(origin.adopt(other, { force: true }).version).toBe(3)
    expect(store.adopt(other).version).toBe(3)
    for (const each of [other, branch, origin, store]) each.close()
  })

  test('takes a branch of this heap that is open, and nothing else', () => {
    const store = make()
    const other = make()
    const branch = store.fork()
    expect(codeOf(() => store.adopt(other))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => store.adopt(store))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => store.adopt(branch.handle as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => store.read(() => store.adopt(branch)))).toBe('ERR_IN_READ_SECTION')
    branch.close()
    expect(codeOf(() => store.adopt(branch))).toBe('ERR_CLOSED')
    expect(store.version).toBe(1)
    store.close()
    other.close()
  })
})
