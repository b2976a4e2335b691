/** What the contract says of wrong arguments, for `rootswap/rcu` and `rootswap/cow`. */

import { expect, test } from 'vitest'
import { AddressSpace } from '../../../src/cow.ts'
import { Heap } from '../../../src/index.ts'
import { Rcu, RcuHashMap, RcuPointer, RcuQueue } from '../../../src/rcu.ts'
import { thrown } from '../store/inside.ts'

test('what is no heap, and what are no segments, are TypeErrors with a code', () => {
  const heap = Heap.create({ maxBytes: 2 ** 20 })
  const calls = [
    ...[Rcu, RcuPointer, RcuQueue, RcuHashMap].flatMap((Kind) => {
      return [undefined, 5, {}, heap.handle].map((wrong) => () => Kind.create(wrong as never))
    }),
    () => AddressSpace.create(heap, undefined as never),
    () => AddressSpace.create(heap, 5 as never),
    () => AddressSpace.create(heap, { segments: 5 as never }),
  ]
  for (const call of calls) {
    const error = thrown(call)
    expect(error, String(call)).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ERR_INVALID_ARGUMENT')
  }
  expect(heap.stores()).toEqual([])
  heap.close()
  expect(thrown(() => Rcu.create(heap)).code).toBe('ERR_CLOSED')
})
