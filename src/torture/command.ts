/** `rootswap torture`, and `npm run torture`: options, output, exit status. */

import { parseArgs } from 'node:util'
import { rangeError } from '../errors.ts'
import { breakBuild, tortureBuild } from './breaking.ts'
import { describe, TortureFailed, type TortureReport } from './report.ts'
import { structureNames, structureOf } from './structures.ts'
import { torture, type TortureOptions } from './torture.ts'

export const TORTURE_HELP = `rootswap torture: real threads use a store as hard as they can

  --seconds n      for all structures together; default 10
  --structure s    one of ${structureNames.join(', ')}; default: each in turn
  --readers n      threads that read; default 3
  --writers n      threads that write; default 2
  --kill           kill threads at random moments
  --seed n         what the threads do; default: a random one, printed
  --json           one line, one object
  --dist folder    torture the build in this folder instead
  --break name     build a broken copy first, and torture that: it must be caught (repository only)
  --help           print this

Exit status: 0 when nothing was found, 1 when something was, 2 for wrong usage.
`

const OK = 0
const FAILED = 1
const WRONG_USAGE = 2
/** Node's own heaps and worker threads have room for no more. */
const LIMITS = { seconds: 1e6, readers: 32, writers: 16, seed: 2 ** 31 - 1 }

/** Runs the command and resolves to its exit status. */
export async function runTorture(argv: readonly string[]): Promise<number> {
  try {
    const values = parse(argv)
    if (values.help === true) return print(TORTURE_HELP)
    const dist = values.break === undefined ? values.dist : breakBuild(values.break)
    if (dist !== undefined) return await tortureBuild(dist, withoutBuild(argv))
    return await runAll(values)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ERR_INVALID_ARGUMENT' && code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    process.stderr.write(`rootswap: ${message}\nrootswap torture --help lists the options\n`)
    return WRONG_USAGE
  }
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = {
    seconds: text,
    structure: text,
    readers: text,
    writers: text,
    seed: text,
    dist: text,
    break: text,
    kill: flag,
    json: flag,
    help: flag,
  }
  return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values
}

async function runAll(values: ReturnType<typeof parse>): Promise<number> {
  const names = values.structure === undefined ? structureNames : [values.structure]
  for (const name of names) structureOf(name)
  const seed = wholeOf('seed', values.seed) ?? Math.floor(Math.random() * LIMITS.seed)
  const seconds = (wholeOf('seconds', values.seconds) ?? 10) / names.length
  const reports: TortureReport[] = []
  for (const structure of names) {
    const readers = wholeOf('readers', values.readers) ?? 3
    const writers = wholeOf('writers', values.writers) ?? 2
    const kill = values.kill === true
    const report = await reportOf({ structure, seconds, readers, writers, kill, seed })
    reports.push(report)
    if (values.json !== true) print(`${describe(report)}\n`)
  }
  const violated = reports.some(({ verdict }) => verdict === 'violated')
  const verdict = violated ? 'violated' : 'ok'
  if (values.json === true) print(`${JSON.stringify({ verdict, seed, structures: reports })}\n`)
  else print(`torture: ${verdict}, seed ${seed}\n`)
  return violated ? FAILED : OK
}

async function reportOf(options: TortureOptions): Promise<TortureReport> {
  try {
    return await torture(options)
  } catch (error) {
    if (error instanceof TortureFailed) return error.report
    throw error
  }
}

function wholeOf(name: keyof typeof LIMITS, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const value = Number(given)
  if (/^\d+$/.test(given) && value <= LIMITS[name] && (value > 0 || name === 'seed')) return value
  throw rangeError(`--${name} is '${given}'; it must be a whole number up to ${LIMITS[name]}`, {
    argument: `--${name}`,
    value: given,
  })
}

/** The arguments without those that name a build. */
function withoutBuild(argv: readonly string[]): string[] {
  const names = ['--break', '--dist']
  return argv.filter((argument, index) => {
    const before = argv[index - 1]
    return (
      !names.some((name) => argument === name || argument.startsWith(`${name}=`)) &&
      !(before !== undefined && names.includes(before))
    )
  })
}

function print(text: string): number {
  process.stdout.write(text)
  return OK
}
