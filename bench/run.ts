/**
 * Runs the benches one after the other, each in a process of its own, and prints their rows.
 * `--write` puts them into bench/RESULTS.md; names run only those: `npm run bench -- current`.
 */

import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { machine, type Row } from './rows.ts'

const BENCHES = ['current', 'update', 'readers', 'memory', 'create', 'words'] as const
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

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) =>
      `| ${row.job} | ${row.reached} | ${row.goal} | ${row.met ? 'yes' : '**no**'} | ${row.how} |`,
  )
  return [
    '| job | reached | goal | met | what was run |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('--'))
const chosen = names.length > 0 ? names : BENCHES
const rows: Row[] = []
console.log(machine())
for (const name of chosen) rows.push(...(await runOne(name)))
if (args.includes('--write')) {
  const path = fileURLToPath(new URL('../../bench/RESULTS.md', import.meta.url))
  const [head] = readFileSync(path, 'utf8').split(MARK)
  const day = new Date().toISOString().slice(0, 10)
  writeFileSync(path, `${head}${MARK}\n\n${day}, ${machine()}.\n\n${table(rows)}\n`)
}
if (rows.some((row) => !row.met)) process.exitCode = 1
