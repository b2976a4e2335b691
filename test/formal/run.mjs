/**
 * Runs the formal models: every line of runs.txt, or with --quick those marked so, two at a time.
 * Prints a line each and exits 1 when a clean model has an error, a broken one has none, or a
 * search did not finish.
 *
 *   npm run formal               all: about half an hour on two cores
 *   npm run formal -- --quick    what CI runs: at most 60 s
 *   npm run formal -- lease      the lines that contain "lease"
 *
 * Needs spin and gcc. In CI (as root, with apt-get) a missing spin is installed.
 */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PARALLEL = 2
const here = fileURLToPath(new URL('.', import.meta.url))
const argv = process.argv.slice(2)
const quick = argv.includes('--quick')
const wanted = argv.filter((argument) => !argument.startsWith('--'))

/** A line of runs.txt: its verdict, its model with flags, and what enlarges its search. */
function parse(line) {
  const [verdict, ...rest] = line.trim().split(/\s+/)
  const settings = rest.filter((word) => /^[A-Z]+=\d+$/.test(word))
  return {
    verdict,
    quick: rest.includes('quick'),
    command: rest.filter((word) => word !== 'quick' && !settings.includes(word)),
    env: Object.fromEntries(settings.map((word) => word.split('='))),
  }
}

function has(command) {
  return spawnSync(command, ['-V'], { stdio: 'ignore' }).error === undefined
}

/** Why the models cannot be run here, or undefined. */
function missing() {
  if (!has('gcc')) return 'gcc is not installed: the models are compiled'
  if (has('spin')) return undefined
  if (process.getuid?.() !== 0 || !has('apt-get')) {
    return 'spin is not installed: as root, apt-get install spin (Debian, Ubuntu)'
  }
  for (const words of [['update'], ['install', '--yes', '--no-install-recommends', 'spin']]) {
    const { status } = spawnSync('apt-get', ['-qq', ...words], { stdio: ['ignore', 2, 2] })
    if (status !== 0) return `apt-get ${words.join(' ')} failed: spin could not be installed`
  }
  return has('spin') ? undefined : 'apt-get installed no spin'
}

function check({ command, env }) {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, encoding: 'utf8' }
    execFile(`${here}check.sh`, command, options, (_error, output) => resolve(output.trim()))
  })
}

/** What is wrong with a run, or undefined. */
function objection(verdict, output) {
  const errors = / \| errors: (\d+) \|/.exec(output)?.[1]
  if (errors === undefined) return 'did not finish'
  if (verdict === 'broken') return errors === '0' ? 'the mutant was not caught' : undefined
  if (errors !== '0') return 'the model has an error'
  return /not completed|max search depth|out of memory/.test(output) ? 'was cut' : undefined
}

const reason = missing()
if (reason !== undefined) {
  console.error(`formal: ${reason}`)
  process.exit(1)
}
const runs = readFileSync(`${here}runs.txt`, 'utf8')
  .split('\n')
  .filter((line) => /^(clean|broken) /.test(line))
  .map(parse)
  .filter((run) => !quick || run.quick)
  .filter(({ command }) => wanted.every((word) => command.join(' ').includes(word)))
const failed = []
const begin = performance.now()

async function work() {
  for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
    const start = performance.now()
    const output = await check(run)
    const wrong = objection(run.verdict, output)
    const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6)
    const states = /([0-9.e+]+) states/.exec(output)?.[1] ?? '?'
    const verdict = wrong === undefined ? 'ok    ' : 'WRONG '
    const found = /\(at depth \d+\)/.exec(output)?.[0] ?? ''
    const tail = `${states} states ${run.verdict === 'broken' ? found : ''}`.trim()
    console.log(
      `${verdict}${seconds} s  ${run.verdict.padEnd(6)} ${run.command.join(' ')}: ${tail}`,
    )
    if (wrong === undefined) continue
    failed.push(`${run.command.join(' ')}: ${wrong}\n${output}`)
  }
}

const total = runs.length
await Promise.all(Array.from({ length: PARALLEL }, work))
for (const each of failed) console.error(`\nformal: ${each}`)
const seconds = ((performance.now() - begin) / 1000).toFixed(0)
console.log(`${total - failed.length} of ${total} runs as they must be, ${seconds} s`)
process.exitCode = failed.length === 0 && total > 0 ? 0 : 1
