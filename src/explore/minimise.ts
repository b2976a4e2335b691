/**
 * Makes a found schedule small: words are left out, and counts shortened, as long as an execution
 * with the same kind of failure and no more words comes out. Greedy, with a bounded number of
 * tries.
 */

import type { FailureKind } from './failure.ts'
import type { Machine } from './machine.ts'
import { Directed } from './schedule.ts'
import type { Segment } from './schedule.ts'

const triesMax = 300

export function minimise(machine: Machine, found: readonly Segment[]): readonly Segment[] {
  const kind = machine.failure?.kind
  if (kind === undefined) return found
  let best = run(machine, found, kind) ?? found
  let tries = 0
  for (let improved = true; improved;) {
    // Each round makes the schedule shorter, or is the last one.
    improved = false
    for (const candidate of candidates(best)) {
      if (++tries > triesMax) return best
      const shorter = run(machine, candidate, kind)
      if (shorter === undefined || weight(shorter) >= weight(best)) continue
      best = shorter
      improved = true
      break
    }
  }
  return best
}

/** The words that need not be written: what the default does by itself. */
export function trimmed(machine: Machine, segments: readonly Segment[]): readonly Segment[] {
  const kind = machine.failure?.kind
  let best = segments
  while (best.length > 0) {
    const shorter = best.slice(0, -1)
    machine.run(new Directed(shorter))
    if (machine.failure?.kind !== kind || !same(machine.scheduler.segments, segments)) break
    best = shorter
  }
  return best
}

function* candidates(segments: readonly Segment[]): Generator<readonly Segment[]> {
  for (let index = 0; index < segments.length; index++) {
    yield segments.filter((_, other) => other !== index)
  }
  for (let index = 0; index + 2 < segments.length; index++) {
    const [first, second, third] = segments.slice(index, index + 3) as [Segment, Segment, Segment]
    if (first.thread !== third.thread || third.action !== 0) continue
    const joined = { ...first, steps: first.steps + third.steps }
    yield [...segments.slice(0, index), joined, second, ...segments.slice(index + 3)]
    yield [...segments.slice(0, index), second, joined, ...segments.slice(index + 3)]
  }
}

/** What the execution really did, if it fails alike. */
function run(
  machine: Machine,
  segments: readonly Segment[],
  kind: FailureKind,
): readonly Segment[] | undefined {
  machine.run(new Directed(segments))
  return machine.failure?.kind === kind ? machine.scheduler.segments : undefined
}

/** Switches weigh more than steps. */
function weight(segments: readonly Segment[]): number {
  return segments.reduce((sum, { steps }) => sum + 1_000 + steps, 0)
}

function same(left: readonly Segment[], right: readonly Segment[]): boolean {
  return (
    left.length === right.length &&
    left.every((segment, index) => {
      const other = right[index]!
      return (
        segment.action === other.action &&
        segment.thread === other.thread &&
        segment.steps === other.steps
      )
    })
  )
}
