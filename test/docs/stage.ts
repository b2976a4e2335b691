/** A folder in which a program finds the package by its name, as if it were installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'
import { root } from '../support/tidy/source.ts'

const folders: string[] = []
const running = new Set<ChildProcess>()
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Strict, and into JavaScript that the oldest Node runs. */
const COMPILE =
  '--target ES2022 --lib ES2023,ESNext.Disposable,ES2024.SharedMemory --module nodenext ' +
  '--types node --strict --noUncheckedIndexedAccess --exactOptionalPropertyTypes --skipLibCheck'

export interface Outcome {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** Files by their names; those in TypeScript are checked and compiled. */
export function stage(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'rootswap-docs-'))
  folders.push(folder)
  const packages = join(folder, 'node_modules')
  mkdirSync(packages)
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(packages, name))
  }
  symlinkSync(root, join(packages, 'rootswap'))
  const all = { 'package.json': '{ "type": "module" }', ...files }
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const sources = Object.keys(files).filter((name) => name.endsWith('.ts'))
  if (sources.length > 0) compile(folder, sources)
  return folder
}

function compile(folder: string, sources: readonly string[]): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, ...COMPILE.split(' '), ...sources]
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new TypeError(`the example does not compile:\n${stdout}`)
}

/** Runs a program until it ends, or, where it goes on for ever, until it has written enough. */
export async function run(
  folder: string,
  program: string,
  isEnough: (out: string) => boolean = () => false,
): Promise<Outcome> {
  const child = spawn(process.execPath, [program], { cwd: folder, stdio: 'pipe' })
  running.add(child)
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
    if (isEnough(out)) child.kill('SIGKILL')
  })
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  running.delete(child)
  return { status, out, err }
}
