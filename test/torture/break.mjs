/**
 * Makes a broken build for the torture and prints its folder: node break.mjs NAME [FOLDER]. The
 * names are those of test/broken, and some of the store's own below, which only torture looks for.
 * An edit that does not fit the sources is an error: the code has changed, and it must follow.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const root = fileURLToPath(new URL('../../', import.meta.url))

const own = [
  {
    name: 'synchronize-at-once',
    rule: 'synchronize does not wait for the reads that had begun',
    edits: [{ file: 'store/grace.ts', find: 'return open.filter(', replace: 'return [].filter(' }],
  },
  {
    name: 'leases-ignored',
    rule: 'a round takes no notice of leases',
    edits: [
      {
        file: 'reclaim/leased.ts',
        find: 'if (word > 0) leased.push(recordOfLease(word))\n        else if',
        replace: 'if',
      },
    ],
  },
  {
    name: 'plain-publish',
    rule: 'the root is stored, not swapped: two writers can publish on one base',
    edits: [
      {
        file: 'versions/root.ts',
        find: 'words.compareExchange(this.rootAt, base, record) !== base',
        replace: 'words.store(this.rootAt, record) !== undefined',
      },
    ],
  },
  {
    name: 'sections-stay-open',
    rule: 'the section of a dead thread is never closed (torture it with --kill)',
    edits: [{ file: 'reclaim/reaper.ts', find: 'if ((value & 1) === 1)', replace: 'if (false)' }],
  },
]

async function load(file) {
  const options = { configFile: false, logLevel: 'silent' }
  const { module } = await runnerImport(join(root, 'test', 'broken', file), options)
  return module
}

/** Copies the sources, breaks the copy, builds it; returns the folder of the build. */
export async function breakBuild(name, folder) {
  const { mutated } = await load('mutation.ts')
  const { rounds } = await load('mutations-rounds.ts')
  const { threads } = await load('mutations-threads.ts')
  const all = [...own, ...rounds, ...threads]
  const mutation = all.find((each) => each.name === name)
  if (mutation === undefined) {
    const names = all.map((each) => `  ${each.name}: ${each.rule}`)
    throw new RangeError(`there is no broken build '${name}'; there are\n${names.join('\n')}`)
  }
  const sources = join(folder, 'sources')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(sources, { recursive: true })
  for (const part of ['src', 'workers']) {
    cpSync(join(root, part), join(sources, part), { recursive: true })
  }
  for (const file of new Set(mutation.edits.map((edit) => edit.file))) {
    const path = join(sources, 'src', file)
    writeFileSync(path, mutated(file, readFileSync(path, 'utf8'), mutation))
  }
  return compile(sources, join(folder, 'dist'))
}

/** An edit may offend the types: that is no matter here. */
function compile(sources, dist) {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { rootDir: '.', outDir: dist, incremental: false, tsBuildInfoFile: null },
    include: ['src', 'workers'],
  }
  writeFileSync(join(sources, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(dirname(manifest), 'bin', 'tsc')
  const { error, stdout } = spawnSync(process.execPath, [tsc, '-p', sources], { encoding: 'utf8' })
  if (error !== undefined) throw error
  try {
    writeFileSync(join(dist, 'package.json'), '{ "type": "module" }\n')
  } catch {
    throw new RangeError(`the broken build could not be made:\n${stdout}`)
  }
  return dist
}

const [name = '', folder = join(root, 'node_modules', '.cache', 'broken', name || 'none')] =
  process.argv.slice(2)
try {
  process.stdout.write(`${await breakBuild(name, folder)}\n`)
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
