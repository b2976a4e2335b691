/**
 * What a thread can do to shared memory, as small integers: they are the entries of a thread's log
 * and the rows of a trace.
 *
 * Two accesses of one word by two threads **conflict** unless both only read. Everything that the
 * explorer leaves out rests on that one word: steps that do not conflict commute, and an order of
 * commuting steps need be tried once only.
 */

export const Access = {
  load: 0,
  store: 1,
  add: 2,
  compareExchange: 3,
  wait: 4,
  notify: 5,
  pause: 6,
  plainRead: 7,
  plainWrite: 8,
  allocated: 9,
  published: 10,
  freed: 11,
  crashed: 12,
  invoke: 13,
  respond: 14,
} as const

export type Access = (typeof Access)[keyof typeof Access]

const names: readonly string[] = [
  'load',
  'store',
  'add',
  'compareExchange',
  'wait',
  'notify',
  'rest',
  'plain read',
  'plain write',
  'allocated',
  'published',
  'freed',
  'asks whether crashed',
  'begins',
  'returns',
]

export function accessName(kind: Access): string {
  return names[kind] ?? String(kind)
}

/** One performed access, as the trace prints it. */
export interface TraceEvent {
  /** Scheduling steps before this one, from 1; plain accesses share the number of their step. */
  readonly step: number
  readonly thread: number
  readonly kind: Access
  /** The word's slot; 0 where no word is concerned. */
  readonly slot: number
  readonly before: number
  readonly after: number
  readonly note: string
}
