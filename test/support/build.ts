/**
 * Brings `dist/` up to date before the first test. Worker threads load their code from there,
 * because vitest does not transform what is given to `new Worker()` and Node 20 strips no types.
 * The compiler is incremental: when nothing changed this costs a tenth of a second.
 *
 * A type error does not stop the tests (`npm run types` is where it is red): the compiler writes
 * its output all the same, and says here what it found.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

export default function build(): void {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const tsc = join(dirname(manifest), 'bin', 'tsc')
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) {
    console.error(`the build has type errors:\n${result.stdout}${result.stderr}`)
  }
  if (!existsSync(`${root}dist/src`)) throw new Error('the build wrote nothing to dist/')
}
