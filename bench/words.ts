/**
 * What the `Words` port costs: the built package against a copy of it in which every call of a
 * `Words` method is replaced by the `Atomics` operation on the bare array, in turn.
 */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { digits, median, report, type Row } from './rows.ts'

const PAIRS = 11
const CALL = /((?:this\.)?#?[\w.#]*\bwords)\.(load|store|add|compareExchange)\(/g
const JOBS = ['set', 'get', 'current after a publish'] as const

/** A copy of the build without the port; says how many calls were replaced. */
function bareCopy(dist: string, copy: string): number {
  let replaced = 0
  cpSync(join(dist, 'src'), join(copy, 'src'), { recursive: true })
  cpSync(join(dist, 'bench'), join(copy, 'bench'), { recursive: true })
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }')
  for (const entry of readdirSync(join(copy, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.js')) continue
    const file = join(copy, 'src', entry)
    const source = readFileSync(file, 'utf8')
    const bare = source.replace(CALL, (_call, words: string, method: string) => {
      replaced++
      return `Atomics.${method}(${words}.m, `
    })
    if (bare !== source) writeFileSync(file, bare)
  }
  return replaced
}

/** Nanoseconds per job, in a fresh process. */
function run(folder: string): number[] {
  const out = execFileSync(process.execPath, [join(folder, 'bench', 'words-run.js')], {
    encoding: 'utf8',
  })
  return JSON.parse(out) as number[]
}

const dist = fileURLToPath(new URL('../', import.meta.url))
const copy = mkdtempSync(join(tmpdir(), 'rootswap-bare-'))
const replaced = bareCopy(dist, copy)
const ratios: number[][] = JOBS.map(() => [])
for (let pair = 0; pair < PAIRS; pair++) {
  const [port, bare] = pair % 2 === 0 ? [run(dist), run(copy)] : [run(copy), run(dist)].reverse()
  for (const [job, list] of ratios.entries()) {
    list.push((port?.[job] as number) / (bare?.[job] as number))
  }
}
rmSync(copy, { recursive: true })
if (replaced < 50) throw new TypeError(`only ${replaced} calls were replaced: the pattern is stale`)

const rows: Row[] = JOBS.map((job, index) => {
  const cost = (median(ratios[index] as number[]) - 1) * 100
  return {
    job: `cost of \`Words\` against bare arrays: ${job}`,
    reached: `${digits(cost, 1)} %`,
    goal: '≤ 5 %',
    met: cost <= 5,
    how: `${PAIRS} pairs of processes in turn; ${replaced} calls replaced in the copy; medians`,
  }
})
report(rows)
