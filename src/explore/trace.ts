/**
 * The trace of one execution: a row per step, a column per thread. Plain accesses are shown where
 * they touch a word that the failure is about; the others are counted.
 */

import { Access, accessName } from './access.ts'
import type { TraceEvent } from './access.ts'
import type { Slots } from './slots.ts'

/** Rows printed at the beginning and at the end of a trace; more are left out in between. */
const rowsMax = 100

export interface TraceInput {
  readonly events: readonly TraceEvent[]
  readonly names: readonly string[]
  readonly slots: Slots
  /** Slots whose plain accesses are shown. */
  readonly shown: readonly number[]
}

interface Row {
  step: string
  thread: number
  text: string
}

/** Equal rows after each other become one. */
function withoutRepeats(rows: readonly Row[]): Row[] {
  const kept: Row[] = []
  let times = 1
  for (const row of rows) {
    const last = kept[kept.length - 1]
    const previous = times > 1 ? last?.text.replace(/ \(\d+ times\)$/, '') : last?.text
    if (last !== undefined && last.thread === row.thread && previous === row.text) {
      times++
      last.text = `${row.text} (${times} times)`
    } else {
      times = 1
      kept.push({ ...row })
    }
  }
  return kept
}

export function formatTrace(input: TraceInput): string {
  const rows = withoutRepeats(rowsOf(input))
  const left = Math.max(0, rows.length - 2 * rowsMax)
  const kept = left === 0 ? rows : [...rows.slice(0, rowsMax), ...rows.slice(-rowsMax)]
  const { names } = input
  const widths = names.map((name, thread) =>
    Math.max(name.length, ...kept.map((row) => (row.thread === thread ? row.text.length : 0))),
  )
  const line = (step: string, cells: readonly string[]): string =>
    [step.padStart(5), ...cells.map((cell, thread) => cell.padEnd(widths[thread]!))]
      .join('  ')
      .trimEnd()
  const lines = [line('step', names)]
  for (const [row, { step, thread, text }] of kept.entries()) {
    if (left > 0 && row === rowsMax) lines.push(`  ... ${left} rows ...`)
    lines.push(
      line(
        step,
        names.map((_, index) => (index === thread ? text : '')),
      ),
    )
  }
  return lines.join('\n')
}

function rowsOf({ events, slots, shown }: TraceInput): Row[] {
  const rows: Row[] = []
  let quiet = 0
  for (const [index, event] of events.entries()) {
    const previous = events[index - 1]
    const plain = event.kind === Access.plainRead || event.kind === Access.plainWrite
    const step = !plain || isStep(event, previous)
    const hidden = !step && event.note === '' && !shown.includes(event.slot)
    if (quiet > 0 && (!hidden || previous?.thread !== event.thread)) {
      rows.push({ step: '', thread: previous!.thread, text: `(${quiet} plain)` })
      quiet = 0
    }
    if (hidden) quiet++
    else {
      const number = step && event.note === '' ? String(event.step) : ''
      rows.push({ step: number, thread: event.thread, text: textOf(event, slots) })
    }
  }
  const last = events[events.length - 1]
  if (quiet > 0) rows.push({ step: '', thread: last!.thread, text: `(${quiet} plain)` })
  return rows
}

/** Whether a plain access was a scheduling step: the count of steps went up with it. */
function isStep(event: TraceEvent, previous: TraceEvent | undefined): boolean {
  return event.step > (previous?.step ?? 0)
}

function textOf(event: TraceEvent, slots: Slots): string {
  const { kind, before, after, note } = event
  if (note !== '') return note
  const name = slots.name(event.slot)
  switch (kind) {
    case Access.store:
    case Access.plainWrite:
      return `${accessName(kind)} ${name} = ${after}`
    case Access.add:
      return `add ${name}: ${before} -> ${after}`
    case Access.compareExchange:
      return before === after
        ? `compareExchange ${name} finds ${before}`
        : `compareExchange ${name}: ${before} -> ${after}`
    case Access.notify:
      return `notify ${name}: ${after} woken`
    case Access.pause:
      return 'rests'
    case Access.crashed:
      return `asks whether crashed: ${after === 1 ? 'yes' : 'no'}`
    default:
      return `${accessName(kind)} ${name}: ${before}`
  }
}
