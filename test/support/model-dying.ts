/**
 * Scenarios of the other files once more, with threads that die at any step. Whoever is told of it
 * registers, as a thread that has never used the heap, and reaps.
 */

import type { ThreadOptions } from '../../src/explore.ts'
import { testThread } from './heap.ts'
import { branches } from './model-branches.ts'
import { dying as crashes } from './model-crashes.ts'
import { deltas } from './model-deltas.ts'
import { histories } from './model-history.ts'
import { idOf, type Model, settled } from './model-heap.ts'
import { publishers } from './model-publishers.ts'
import { readers } from './model-readers.ts'
import { type ModelScenario, named, Seen } from './model-run.ts'
import { newcomer, reapAll, slots } from './model-slots.ts'
import { stores } from './model-store.ts'
import { ousts } from './model-oust.ts'
import { impatient, waits } from './model-waits.ts'

/** Thread id of the one that reaps. */
const REAPER = 70

/** Which thread of a scenario dies, and its thread id. */
interface Death {
  readonly scenario: ModelScenario
  readonly victim: string
  readonly id: number
  readonly preemptions?: number
  /** Replaced versions that may be left. */
  readonly history?: number
}

function dies({ scenario, victim, id, preemptions = 1, history }: Death): ModelScenario {
  return {
    name: `${scenario.name}+${victim}-crash`,
    claim: `${scenario.claim}; also when the ${victim} dies`,
    meets: ['crashed', 'not crashed'],
    make(seen) {
      const base = scenario.make(new Seen())
      const threads: Record<string, ThreadOptions<Model>> = {}
      for (const [name, given] of Object.entries(base.threads)) {
        const options = typeof given === 'function' ? { run: given } : given
        threads[name] = { ...options, progress: 0, crash: name === victim }
      }
      threads['reaper'] = {
        after: `${victim} crashed`,
        crash: false,
        run({ memory }) {
          const thread = testThread(memory, REAPER)
          reapAll(thread, id)
          thread.reclaimer.attempt(4)
        },
      }
      return {
        ...base,
        threads,
        after(model, { crashed }) {
          seen.add(crashed.length > 0 ? 'crashed' : 'not crashed')
          settled(model, history)
        },
        crashes: 1,
        preemptions,
        // Deeper than what is exhausted, but not everywhere.
        random: preemptions === 0 ? 100 : 0,
      }
    },
  }
}

export const deaths: readonly ModelScenario[] = [
  dies({ scenario: named(readers, 'snapshot-publish-reclaim'), victim: 'reclaimer', id: idOf(2) }),
  dies({
    scenario: named(publishers, 'two-publishers'),
    victim: 'two',
    id: idOf(1),
    preemptions: 0,
  }),
  dies({
    scenario: named(publishers, 'round-handed-over'),
    victim: 'two',
    id: idOf(1),
    preemptions: 0,
  }),
  dies({
    scenario: named(publishers, 'nothing-stranded'),
    victim: 'two',
    id: idOf(1),
    preemptions: 0,
  }),
  dies({ scenario: named(deltas, 'adopt-source'), victim: 'adopter', id: idOf(1) }),
  dies({
    scenario: named(branches, 'fork-publish-reclaim'),
    victim: 'forker',
    id: idOf(1),
    preemptions: 0,
  }),
  dies({
    scenario: named(branches, 'fork-of-fork-older'),
    victim: 'forker',
    id: idOf(1),
    preemptions: 0,
  }),
  dies({
    scenario: named(branches, 'adopt-publish'),
    victim: 'adopter',
    id: idOf(2),
    preemptions: 0,
  }),
  dies({
    scenario: named(branches, 'close-open'),
    victim: 'closer',
    id: idOf(1),
    preemptions: 0,
  }),
  dies({
    scenario: named(branches, 'close-open'),
    victim: 'opener',
    id: idOf(2),
    preemptions: 0,
  }),
  dies({ scenario: named(histories, 'history-late'), victim: 'reader', id: idOf(1), history: 1 }),
  dies({
    scenario: named(histories, 'history-late'),
    victim: 'writer',
    id: idOf(0),
    history: 1,
    preemptions: 0,
  }),
  dies({ scenario: named(histories, 'snapshot-late'), victim: 'second', id: idOf(1) }),
  dies({
    scenario: named(histories, 'rollback-reclaim'),
    victim: 'operator',
    id: idOf(1),
    history: 1,
    preemptions: 0,
  }),
  dies({
    scenario: named(histories, 'history-given-up'),
    victim: 'writer',
    id: idOf(0),
    history: 2,
    preemptions: 0,
  }),
  dies({ scenario: named(slots, 'registration-scan'), victim: 'newcomer', id: newcomer }),
  dies({ scenario: named(crashes, 'heap-full'), victim: 'writer', id: idOf(1), preemptions: 0 }),
  dies({ scenario: named(waits, 'bell'), victim: 'one', id: idOf(1) }),
  dies({
    scenario: impatient,
    victim: 'verifier',
    id: idOf(1),
    preemptions: 0,
  }),
  dies({
    scenario: named(stores, 'store-two-writers'),
    victim: 'two',
    id: idOf(1),
    preemptions: 0,
  }),
  dies({ scenario: named(ousts, 'oust-decode'), victim: 'short', id: idOf(0), preemptions: 0 }),
  dies({ scenario: named(ousts, 'oust-refresh'), victim: 'reader', id: idOf(1), preemptions: 0 }),
  dies({ scenario: named(stores, 'store-current'), victim: 'reader', id: idOf(1), preemptions: 0 }),
]
