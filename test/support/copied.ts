/** Another copy of the built package, as a second version in `node_modules` is one. */

import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export interface CopiedPackage {
  /** The URL of one of its entry points: `index`, `rcu` and so on. */
  entry(name: string): string
  remove(): void
}

export function copiedPackage(): CopiedPackage {
  const folder = mkdtempSync(join(tmpdir(), 'rootswap-copy-'))
  const root = resolve(import.meta.dirname, '../..')
  for (const part of ['dist/src', 'dist/workers', 'package.json']) {
    cpSync(join(root, part), join(folder, part), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return {
    entry: (name) => pathToFileURL(join(folder, `dist/src/${name}.js`)).href,
    remove: () => rmSync(folder, { recursive: true }),
  }
}
