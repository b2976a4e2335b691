/** What the contract says of `rootswap/explore`: plain synchronous functions, and nothing else. */

import { expect, test } from 'vitest'
import { explore, Words } from '../../../src/explore.ts'
import { thrown } from '../store/inside.ts'

const shared = () => ({ words: new Words(64) })

test.each([
  ['an async function', { async writer() {} }],
  ['a generator', { *writer() {} }],
  ['no function', { writer: 5 }],
])('a thread that is %s is refused: it would read as a pass', (_, threads) => {
  const error = thrown(() => explore({ shared, threads: threads as never }))
  expect(error).toBeInstanceOf(TypeError)
  expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'threads.writer' })
})

test('a scenario without threads is a RangeError with a code', () => {
  for (const scenario of [{}, { shared }, { shared, threads: {} }]) {
    const error = thrown(() => explore(scenario as never))
    expect(error).toBeInstanceOf(RangeError)
    expect(error.code).toBe('ERR_INVALID_ARGUMENT')
  }
})
