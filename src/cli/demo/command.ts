/** `rootswap demo`: its options, its output, its exit status. */

import { parseOptions, wholeOption } from '../options.ts'
import { PlainView, SilentView } from './plain-view.ts'
import { type DemoOptions, type DemoView, runDemo } from './run.ts'
import { type FaultReport, PlantedFaults } from './self-test.ts'
import { describe, type Summary } from './summary.ts'
import { TerminalView } from './terminal.ts'

export const DEMO_HELP = `rootswap demo: one copy of 20 MB, read and written by many threads at once

  rootswap demo [options]

  --data <file>     a JSON file instead of @mdn/browser-compat-data
  --seconds <n>     how long the workers read, 1 to 3600 (default 15; --self-test: 3)
  --workers <n>     workers that read, 1 to 64 (default: one per core, 2 to 8)
  --json            print one JSON object, and nothing else, on standard output
  --self-test       make three faults on purpose, and fail unless each is found
  --help            print this

exit status
  0    no torn read, no lost update, no leaked block (--self-test: each fault was found)
  1    one of these zeros is not zero, or the demo failed
  2    wrong options, or data that cannot be read
  130  interrupted

A torn read would be one that sees parts of two versions: in each version two amounts, at both
ends of the document, add up to the same sum, and every read of every worker checks that.
`

export interface DemoCommand extends DemoOptions {
  readonly json: boolean
  readonly selfTest: boolean
}

/** Throws the errors of `util.parseArgs`, and `RangeError` for numbers that cannot be. */
export function parseDemo(args: readonly string[], cores: number): DemoCommand | 'help' {
  const values = parseOptions(args, {
    data: { type: 'string' },
    seconds: { type: 'string' },
    workers: { type: 'string' },
    json: { type: 'boolean' },
    'self-test': { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  })
  if (values['help'] === true) return 'help'
  const selfTest = values['self-test'] === true
  const data = values['data'] as string | undefined
  return {
    data,
    seconds: wholeOption('seconds', values['seconds'], [1, 3600]) ?? (selfTest ? 3 : 15),
    workers: wholeOption('workers', values['workers'], [1, 64]) ?? Math.min(8, Math.max(2, cores)),
    json: values['json'] === true,
    selfTest,
  }
}

/** Runs the demo and prints what it found; returns the exit status. */
export async function demoCommand(command: DemoCommand, signal: AbortSignal): Promise<number> {
  const { stdout } = process
  const write = (text: string): void => void stdout.write(text)
  const faults = command.selfTest ? new PlantedFaults() : undefined
  const isLive = stdout.isTTY && process.env['TERM'] !== 'dumb' && !command.json
  const terminal = isLive ? new TerminalView(stdout, command.seconds) : undefined
  const view: DemoView = terminal ?? (command.json ? new SilentView() : new PlainView(write))
  let summary: Summary
  try {
    summary = await runDemo(command, view, signal, faults)
  } finally {
    terminal?.close()
  }
  const reports = faults?.reports(summary)
  write(command.json ? asJson(summary, reports) : asText(summary, reports))
  return statusOf(summary, reports)
}

function statusOf(summary: Summary, reports: readonly FaultReport[] | undefined): number {
  if (summary.interrupted) return 130
  if (reports !== undefined) return reports.every(({ detected }) => detected) ? 0 : 1
  return summary.problems.length === 0 ? 0 : 1
}

function asJson(summary: Summary, reports: readonly FaultReport[] | undefined): string {
  const { problems, ...rest } = summary
  const result = reports === undefined ? summary : { ...rest, selfTest: reports }
  return `${JSON.stringify(result)}\n`
}

function asText(summary: Summary, reports: readonly FaultReport[] | undefined): string {
  const lines = ['', ...describe(summary), '']
  if (summary.interrupted) lines.push(`Interrupted after ${summary.seconds} s.`)
  if (reports === undefined) {
    lines.push(...summary.problems.map((problem) => `FAILED: ${problem}`))
    if (summary.problems.length === 0) lines.push('Nothing torn, nothing lost, nothing leaked.')
  } else {
    lines.push(...reports.map(describeFault))
    const missed = reports.filter(({ detected }) => !detected).length
    lines.push(missed === 0 ? 'All three faults were found.' : `FAILED: ${missed} not found`)
  }
  return `${lines.join('\n')}\n`
}

function describeFault({ fault, detected, found }: FaultReport): string {
  return `  ${detected ? 'found ' : 'MISSED'}  ${fault.padEnd(26)} ${found}`
}
