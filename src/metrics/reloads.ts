/** What became of a configuration's files, counted from the moment that somebody listens. */

import type { Config } from '../config/watched.ts'

/** `accepted` is a new version from the files; `rolled-back` one from the history. */
export type ReloadOutcome = 'accepted' | 'rejected' | 'unavailable' | 'unchanged' | 'rolled-back'

const OUTCOMES: readonly ReloadOutcome[] = [
  'accepted',
  'rejected',
  'unavailable',
  'unchanged',
  'rolled-back',
]

export type Counted = (store: string, outcome: ReloadOutcome, by: number) => void

/** Returns what ends it. */
export function countReloads(
  name: string,
  config: Config<unknown>,
  count: Counted,
): (() => void)[] {
  // A counter that begins with its first event hides that event from `rate()`.
  for (const outcome of OUTCOMES) count(name, outcome, 0)
  return [
    config.on('reloaded', ({ reason }) => {
      count(name, reason === 'rollback' ? 'rolled-back' : 'accepted', 1)
    }),
    config.on('rejected', () => count(name, 'rejected', 1)),
    config.on('unavailable', () => count(name, 'unavailable', 1)),
    config.on('unchanged', () => count(name, 'unchanged', 1)),
  ]
}
