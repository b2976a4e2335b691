/**
 * Torture of a build other than this one: how a broken build is shown to be caught. Broken builds
 * exist in the repository only, since they are made from its sources.
 */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RootswapError } from '../errors.ts'

/** The package's folder, seen from dist/src/torture/. */
const packageFolder = fileURLToPath(new URL('../../../', import.meta.url))

/** Makes a broken build and returns its `dist` folder. Throws where that cannot be. */
export function breakBuild(name: string): string {
  const script = join(packageFolder, 'test', 'torture', 'break.mjs')
  if (!existsSync(script)) {
    throw new RootswapError(
      'ERR_INVALID_ARGUMENT',
      '--break exists in the repository only: the package has no broken builds to run. Clone the ' +
        'repository, then npm run torture -- --break <name>',
    )
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, name], {
    encoding: 'utf8',
  })
  if (status === 0) return stdout.trim()
  throw new RootswapError('ERR_INVALID_ARGUMENT', stderr.trim() || `${script} failed`)
}

/** Runs the torture of the build in `dist` with the given arguments; its exit status. */
export function tortureBuild(dist: string, argv: readonly string[]): Promise<number> {
  const main = join(dist, 'src', 'torture', 'main.js')
  if (!existsSync(main)) {
    throw new RootswapError('ERR_INVALID_ARGUMENT', `${dist} is no build: there is no ${main}`)
  }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...argv], { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
