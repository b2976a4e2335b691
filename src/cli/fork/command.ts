/** `rootswap demo fork`: its options, its output, its exit status. */

import { parseOptions, wholeOption } from '../options.ts'
import { drawMap, drawTable, LEGEND } from './picture.ts'
import { type ForkReport, runForkDemo } from './run.ts'

export const FORK_HELP = `rootswap demo fork: what fork() copies, and when

  rootswap demo fork [options]

  --megabytes <n>   size of the parent's image, 1 to 512 (default 256)
  --pages <n>       pages that the parent writes after the fork, 1 to 4096 (default 1000)
  --json            print one JSON object, and nothing else, on standard output
  --help            print this

A parent in one thread and a child in another have an image in segments: text, data, heap and stack.
The picture shows which of the parent's and the child's pages are shared before and after each has
written. The table starts a child that soon runs another program (exec) in four ways, while the
parent goes on writing: by copying everything, by fork, by a fork after which the child goes first,
and by vfork.

exit status
  0  every byte was as it should be, in both, and nothing leaked
  1  one was not, or the demo failed
  2  wrong options
`

export interface ForkCommand {
  readonly megabytes: number
  readonly pages: number
  readonly json: boolean
}

/** Throws the errors of `util.parseArgs`, and `RangeError` for numbers that cannot be. */
export function parseFork(args: readonly string[]): ForkCommand | 'help' {
  const values = parseOptions(args, {
    megabytes: { type: 'string' },
    pages: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  })
  if (values['help'] === true) return 'help'
  return {
    megabytes: wholeOption('megabytes', values['megabytes'], [1, 512]) ?? 256,
    pages: wholeOption('pages', values['pages'], [1, 4096]) ?? 1000,
    json: values['json'] === true,
  }
}

/** Runs the demo and prints what it found; returns the exit status. */
export async function forkCommand(command: ForkCommand): Promise<number> {
  const { stdout } = process
  const color = stdout.isTTY && !process.env['NO_COLOR'] && stdout.hasColors()
  const say = (text: string): void => void (command.json || stdout.write(`${text}\n`))
  const report = await runForkDemo(command, {
    said: say,
    mapped: (title, parent, child) => {
      say(`\n${title}`)
      say(`  parent ${drawMap(parent, color)}`)
      if (child.length > 0) say(`  child  ${drawMap(child, color)}`)
    },
  })
  say(`  ${LEGEND}\n\n${drawTable(report.ways)}`)
  for (const problem of report.problems) say(`PROBLEM: ${problem}`)
  say(closing(report))
  if (command.json) stdout.write(`${JSON.stringify(report)}\n`)
  return report.problems.length === 0 ? 0 : 1
}

function closing({ bytesChecked, problems, megabytes }: ForkReport): string {
  const checked = `${bytesChecked.toLocaleString('en')} bytes of ${megabytes} MB images checked`
  return `\n${checked}, ${problems.length} problems`
}
