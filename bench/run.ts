/**
 * Runs the benches one after the other, each in a process of its own, and prints their rows.
 * `--write` puts them into bench/RESULTS.md, in place of the same rows of before; names run only
 * those: `npm run bench -- current`.
 */

import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { machine, type Row } from './rows.ts'

const BENCHES = [
  'current',
  'get',
  'leaves',
  'set',
  'update',
  'again',
  'readers',
  'decode',
  'create',
  'load',
  'replace',
  'iterate',
  'memory',
  'notify',
  'words',
  'persist',
  'service',
  'rcu',
  'liburcu',
  'cow',
  'branches',
] as const
const MARK = '<!-- rows -->'

function runOne(name: string): Promise<Row[]> {
  const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url))
  const child = fork(file, { execArgv: ['--expose-gc'] })
  return new Promise((resolve, reject) => {
    let rows: Row[] = []
    child.on('message', (message) => {
      rows = message as Row[]
    })
    child.on('exit', (code) => {
      if (code === 0) resolve(rows)
      else reject(new TypeError(`bench ${name} ended with ${code}`))
    })
  })
}

const HEAD = ['| job | reached | goal | met | what was run |', '| --- | --- | --- | --- | --- |']

function lineOf(row: Row): string {
  const met = row.met ? 'yes' : '**no**'
  return `| ${row.job} | ${row.reached} | ${row.goal} | ${met} | ${row.how} |`
}

/** A row is the same question as another where job and goal are the same. */
function questionOf(line: string): string {
  const [job, , goal] = line.split(' | ')
  return `${job} | ${goal}`
}

/** The rows of before, those that were run again replaced in their places. */
function merged(before: readonly string[], rows: readonly Row[]): string[] {
  const lines = new Map(before.map((line) => [questionOf(line), line]))
  for (const line of rows.map(lineOf)) lines.set(questionOf(line), line)
  return [...HEAD, ...lines.values()]
}

/** The results with the rows of this version of Node replaced or added; the others stay. */
function withTable(results: string, rows: readonly Row[]): string {
  const [head, tables = ''] = results.split(MARK)
  const [major] = process.versions.node.split('.')
  const title = `Node ${major}`
  const day = new Date().toISOString().slice(0, 10)
  const parts = tables.split(/^## /m).filter((part) => /^Node \d+\n/.test(part))
  const old = parts.find((part) => part.startsWith(`${title}\n`)) ?? ''
  const before = old.split('\n').filter((line) => line.startsWith('| ') && !HEAD.includes(line))
  const fresh = `${title}\n\n${day}, ${machine()}.\n\n${merged(before, rows).join('\n')}\n`
  const all = [...parts.filter((part) => part !== old), fresh]
  const sections = all.sort().map((part) => `## ${part.trimEnd()}\n`)
  return `${head}${MARK}\n\n${sections.join('\n')}`
}

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('--'))
const chosen = names.length > 0 ? names : BENCHES
const rows: Row[] = []
console.log(machine())
for (const name of chosen) rows.push(...(await runOne(name)))
if (args.includes('--write')) {
  const path = fileURLToPath(new URL('../../bench/RESULTS.md', import.meta.url))
  writeFileSync(path, withTable(readFileSync(path, 'utf8'), rows))
}
if (rows.some((row) => !row.met)) process.exitCode = 1
