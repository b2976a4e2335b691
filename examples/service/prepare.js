/**
 * Installs what the example needs, and the package that this repository builds, as npm would give
 * it to anybody: copied, so that it finds its optional peers beside it.
 *
 * Run by `npm start`; a second run without changes installs nothing.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '..', '..')
const dist = join(root, 'dist', 'src')
const mark = join(here, 'node_modules', '.prepared')

const npm = (folder, ...args) => {
  // Standard output belongs to the command that is run after this one.
  execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2] })
}

/** Changes with the built package and with what the example asks for. */
function fingerprint() {
  const hash = createHash('sha256').update(readFileSync(join(here, 'package.json')))
  hash.update(readFileSync(join(root, 'package.json')))
  const files = readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.js'))
  for (const name of files.sort()) hash.update(name).update(readFileSync(join(dist, name)))
  return hash.digest('hex')
}

if (!existsSync(join(dist, 'index.js'))) {
  if (!existsSync(join(root, 'node_modules'))) npm(root, 'ci', '--silent')
  npm(root, 'run', '--silent', 'build')
}
const wanted = fingerprint()
if (!existsSync(mark) || readFileSync(mark, 'utf8') !== wanted) {
  // npm takes what is there for what is wanted: the version says nothing of a new build.
  rmSync(join(here, 'node_modules', 'rootswap'), { recursive: true, force: true })
  npm(here, 'install', '--silent', '--no-progress')
  writeFileSync(mark, wanted)
}
