/** The exploration in progress, if any: `new Words` inside of `shared()` has to find it. */

import { RootswapError } from '../errors.ts'
import type { Machine } from './machine.ts'

let active: Machine | undefined

export function activeMachine(): Machine | undefined {
  return active
}

export function withMachine<R>(machine: Machine, run: () => R): R {
  if (active !== undefined) {
    throw new RootswapError('ERR_INVALID_ARGUMENT', 'explore() was called inside of a scenario')
  }
  active = machine
  try {
    return run()
  } finally {
    active = undefined
  }
}
