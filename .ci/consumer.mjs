/**
 * Uses the packed package as a stranger would: each subpath through `import` and `require`, its
 * types under a strict compiler that looks into declaration files, and its command.
 *
 *   consumer.mjs FOLDER [TSC...]   where the tarball is installed; compilers besides the own one
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const folder = resolve(process.argv[2])
const installed = join(folder, 'node_modules', 'rootswap')
const { exports, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
const subpaths = Object.keys(exports).filter((name) => !name.endsWith('.json'))
const names = subpaths.map((subpath) => `rootswap${subpath.slice(1)}`)

let failures = 0
function attempt(what, run) {
  try {
    run()
    console.log(`ok      ${what}`)
  } catch (error) {
    failures++
    console.log(`FAILED  ${what}: ${error.stdout || error.stderr || error.message}`)
  }
}

function node(type, script) {
  const args = ['--no-warnings', `--input-type=${type}`, '--eval', script]
  execFileSync(process.execPath, args, { cwd: folder, stdio: 'pipe', encoding: 'utf8' })
}

for (const name of names) {
  attempt(`import ${name}`, () => node('module', `await import('${name}')`))
  attempt(`require ${name}`, () => node('commonjs', `require('${name}')`))
}

for (const [name, target] of Object.entries(exports)) {
  const paths = typeof target === 'string' ? [target] : Object.values(target)
  attempt(`files of ${name}`, () => {
    for (const path of paths) {
      if (!existsSync(join(installed, path))) throw new Error(`${path} is not in the package`)
    }
  })
}

/** A program of its own: what it declares is true of all its files. */
const register = `
import { openStore } from 'rootswap'
declare module 'rootswap' {
  interface Register { config: { port: number; paths: string[] } }
}
const store = openStore('config')
export const port: number = store.current.port
export const path: string | undefined = store.get('paths', 0)
// @ts-expect-error a typo in the value
store.get('prot')
// @ts-expect-error a typo in the name
openStore('confg')
`
const compilers = ['node_modules/typescript/bin/tsc', ...process.argv.slice(3)]
for (const tsc of compilers) attempt(`types with ${tsc}`, () => types(resolve(tsc)))

function types(tsc) {
  const lines = names.map((name, index) => `import * as m${index} from '${name}'`)
  const uses = names.map((_, index) => `m${index}`).join(', ')
  const source = `${lines.join('\n')}\nconsole.log(${uses})\n`
  writeFileSync(join(folder, 'uses.mts'), source)
  writeFileSync(join(folder, 'uses.cts'), source)
  const lib = ['--lib', 'ES2023,ESNext.Disposable,ES2024.SharedMemory']
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', ...lib]
  const run = (...files) => {
    const how = { cwd: folder, stdio: 'pipe', encoding: 'utf8' }
    execFileSync(process.execPath, [tsc, ...options, ...files], how)
  }
  run('uses.mts', 'uses.cts')
  writeFileSync(join(folder, 'register.mts'), register)
  run('register.mts')
}

attempt('rootswap --help', () => {
  const command = join(installed, bin.rootswap)
  execFileSync(process.execPath, [command, '--help'], { cwd: folder, stdio: 'pipe' })
})

process.exitCode = failures === 0 ? 0 : 1
