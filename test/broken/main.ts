/**
 * Broken builds that must be caught: each takes one rule out of a copy of the sources and runs the
 * scenarios that guard it. A check that passes a broken build is broken.
 *
 *     npm run broken                 a table
 *     npm run broken -- --json       one object, for programs
 *     npm run broken -- --only NAME  one of them, with its whole reason
 *     npm run broken -- --write      puts the table into test/README.md, if all are caught
 *
 * Exits 1 if one survives, if it fails for another reason than its own, or if its edit no longer
 * fits the sources.
 */

import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildBroken } from './build.ts'
import type { Mutation } from './mutation.ts'
import { cow } from './mutations-cow.ts'
import { branchRules } from './mutations-branches.ts'
import { rounds } from './mutations-rounds.ts'
import { rcu } from './mutations-rcu.ts'
import { ousts } from './mutations-ousts.ts'
import { threads } from './mutations-threads.ts'

const CHILDREN = 2
const CHILD_MS_MAX = 90_000
const readme = fileURLToPath(new URL('../README.md', import.meta.url))

interface Verdict {
  readonly name: string
  readonly rule: string
  readonly caught: boolean
  /** What caught it: the explorer's own checks, the race detector, the shadow heap, verify … */
  readonly layer: string
  readonly scenario: string
  readonly seconds: number
  readonly executions: number
  readonly schedule: string
  readonly reason: string
}

interface Found {
  readonly scenario: string
  readonly kind?: string
  readonly reason?: string
  readonly schedule?: string
  readonly executions: number
}

function layerOf(kind: string, reason: string): string {
  if (kind === 'race') return 'race detector'
  if (kind === 'use-after-free' || kind === 'double-free' || kind === 'leak') return 'shadow heap'
  if (kind === 'deadlock' || kind === 'livelock') return kind
  if (reason.includes('published word')) return 'shadow heap'
  if (/\bI[58]:/.test(reason)) return 'count formula'
  if (/\bI9:/.test(reason)) return 'section check'
  if (/damaged/.test(reason)) return 'verify'
  if (/ERR_|RootswapError/.test(reason)) return 'assertion of the code'
  return 'assertion of the scenario'
}

async function run(file: string, names: readonly string[]): Promise<readonly Found[]> {
  const child = spawn(process.execPath, [file, ...names], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: CHILD_MS_MAX,
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('close', (...ending) => resolve(ending))
  })
  if (code !== 0) throw new RangeError(`the scenarios ended with ${signal ?? code}`)
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Found)
}

async function judge(mutation: Mutation, folder: string): Promise<Verdict> {
  const { name, rule, scenarios, cause } = mutation
  const began = performance.now()
  const verdict = { name, rule, caught: false, layer: '-', scenario: '-', executions: 0 }
  const nothing = { ...verdict, schedule: '', reason: '', seconds: 0 }
  try {
    const found = await run(await buildBroken(mutation, folder), scenarios)
    const seconds = (performance.now() - began) / 1_000
    const last = found.at(-1)
    const executions = found.reduce((sum, one) => sum + one.executions, 0)
    if (last?.kind === undefined) return { ...nothing, executions, seconds, reason: 'survives' }
    const { kind, reason = '', schedule = '', scenario } = last
    const caught = cause.test(reason)
    const layer = layerOf(kind, reason)
    return { name, rule, caught, layer, scenario, seconds, executions, schedule, reason }
  } catch (error) {
    return { ...nothing, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Two at a time, in the order in which they stand. */
async function judgeAll(
  mutations: readonly Mutation[],
  told: (verdict: Verdict) => void,
): Promise<Verdict[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rootswap-broken-'))
  const verdicts: Verdict[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < mutations.length; index = next++) {
      const verdict = await judge(mutations[index]!, folder)
      verdicts[index] = verdict
      told(verdict)
    }
  }
  await Promise.all(Array.from({ length: CHILDREN }, work))
  await rm(folder, { recursive: true, force: true })
  return verdicts
}

function table(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => {
    const { name, rule, layer, scenario, seconds, executions, schedule } = verdict
    const replay = schedule === '' ? 'any' : `\`${schedule}\``
    const found = `${layer} | ${scenario} | ${executions} | ${seconds.toFixed(1)}`
    return `| ${name} | ${rule} | ${found} | ${replay} |`
  })
  return [
    '| broken build | what is broken | caught by | scenario | executions | s | schedule |',
    '| --- | --- | --- | --- | ---: | ---: | --- |',
    ...rows,
  ].join('\n')
}

async function write(verdicts: readonly Verdict[]): Promise<void> {
  const [begin, end] = ['<!-- broken: begin -->', '<!-- broken: end -->']
  const text = await readFile(readme, 'utf8')
  const [head = '', rest = ''] = text.split(begin)
  const tail = rest.split(end)[1] ?? ''
  await writeFile(readme, `${head}${begin}\n\n${table(verdicts)}\n\n${end}${tail}`)
}

function line({ name, caught, layer, scenario, seconds, reason }: Verdict): string {
  const verdict = caught ? `${layer}, ${scenario}` : `NOT CAUGHT: ${reason.slice(0, 300)}`
  return `${name.padEnd(30)} ${seconds.toFixed(1).padStart(5)} s  ${verdict}`
}

export async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      only: { type: 'string' },
    },
  })
  const all = [...rounds, ...threads, ...branchRules, ...rcu, ...cow, ...ousts]
  const chosen = values.only === undefined ? all : all.filter(({ name }) => name === values.only)
  if (chosen.length === 0) throw new RangeError(`there is no broken build ${values.only}`)
  const began = performance.now()
  const verdicts = await judgeAll(chosen, (verdict) => {
    if (!values.json) console.log(line(verdict))
    if (values.only !== undefined && !values.json) {
      console.log(`${verdict.reason}\nschedule: "${verdict.schedule}"`)
    }
  })
  const survivors = verdicts.filter(({ caught }) => !caught).map(({ name }) => name)
  const seconds = Math.round((performance.now() - began) / 100) / 10
  if (values.json) console.log(JSON.stringify({ survivors, seconds, builds: verdicts }))
  else console.log(`${verdicts.length - survivors.length} of ${verdicts.length}, ${seconds} s`)
  if (values.write && survivors.length === 0) await write(verdicts)
  if (survivors.length > 0) process.exitCode = 1
}
