/** Builds the scenarios together with the sources, mutated on the way, into a file of its own. */

import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { type Mutation, mutated } from './mutation.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Returns the built file; throws where a mutation does not fit the sources. */
export async function buildBroken(mutation: Mutation, folder: string): Promise<string> {
  const missing = new Set(mutation.edits.map(({ file }) => file))
  const outDir = join(folder, mutation.name)
  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: join(root, 'test/broken/child.ts'),
      outDir,
      emptyOutDir: true,
      minify: false,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'broken.mjs' } },
    },
    plugins: [
      {
        name: 'mutate',
        enforce: 'pre',
        transform(code, id) {
          const file = relative(join(root, 'src'), id).replaceAll('\\', '/')
          if (!missing.delete(file)) return undefined
          return { code: mutated(file, code, mutation), map: null }
        },
      },
    ],
  })
  if (missing.size > 0) {
    throw new RangeError(`${mutation.name}: no scenario uses ${[...missing].join(', ')}`)
  }
  return join(outDir, 'broken.mjs')
}
