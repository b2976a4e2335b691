import { expect, test } from 'vitest'
import { Heap, type RootswapError } from '../../../src/index.ts'

const small = { maxBytes: 4 * 2 ** 20 }

test('two stores of one heap never read each other’s strings out of the cache', () => {
  const heap = Heap.create(small)
  const stores = ['left', 'right'].map((side) => {
    return { side, store: heap.createStore({ text: `${side}-text-0`, big: [side] }) }
  })
  for (let round = 1; round <= 3000; round++) {
    const { side, store } = stores[(round >> 1) & 1] as (typeof stores)[number]
    const text = `${side}-text-${round}`
    store.set(['text'], text)
    if (round % 3 === 0) heap.verify()
    expect(store.current.text).toBe(text)
    expect(store.get('text')).toBe(text)
  }
  heap.close()
})

test('an accessor that writes while its object is copied in is refused', () => {
  const heap = Heap.create(small)
  const [one, other] = [heap.createStore({ value: {} }), heap.createStore({ count: 0 })]
  const trap = {
    get inner() {
      other.set(['count'], 1)
      return 1
    },
  }
  let code = ''
  try {
    one.replace({ value: trap })
  } catch (error) {
    code = (error as RootswapError).code
  }
  expect(code).toBe('ERR_IN_UPDATE')
  expect(other.get('count')).toBe(0)
  one.set(['value'], { fine: true })
  expect(heap.verify().draftBytes).toBe(0)
  heap.close()
})
