/**
 * Makes a broken copy of dist/ and prints its folder: node break.mjs NAME [FOLDER]. Each mutation
 * replaces one piece of built code, and fails where that piece is not there exactly once: then the
 * code has changed and the mutation must follow.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Name, what is wrong, file, piece, replacement. */
export const mutations = {
  'no-grace-period': {
    what: 'a round does not wait for the sections that were open',
    file: 'src/reclaim/round.js',
    from: 'if (!this.#sectionsClosed())',
    to: 'if (false)',
  },
  'synchronize-at-once': {
    what: 'synchronize does not wait for the reads that had begun',
    file: 'src/store/grace.js',
    from: 'return open.filter(',
    to: 'return [].filter(',
  },
  'leases-ignored': {
    what: 'a round takes no notice of leases',
    file: 'src/reclaim/round.js',
    from: 'leased.push(lease & ~LEASE_SOFT);',
    to: '',
  },
  'plain-publish': {
    what: 'the root is stored, not swapped: two writers can publish on one base',
    file: 'src/versions/root.js',
    from: 'words.compareExchange(this.rootAt, base, record) !== base',
    to: 'words.store(this.rootAt, record) === 0.5',
  },
  'journal-forgotten': {
    what: 'the lock of a dead thread is taken over without its journal (needs --kill)',
    file: 'src/reclaim/reaper.js',
    from: 'reclaimer.journal.repair();',
    to: '',
  },
  'sections-stay-open': {
    what: 'a dead thread’s section is never closed (needs --kill)',
    file: 'src/reclaim/reaper.js',
    from: 'if ((value & 1) === 1)',
    to: 'if (false)',
  },
}

/** Copies the build and breaks the copy; returns its folder. */
export function breakBuild(name, folder = join(root, 'node_modules', '.cache', 'broken', name)) {
  const mutation = mutations[name]
  if (mutation === undefined) {
    const names = Object.entries(mutations).map(([each, { what }]) => `  ${each}: ${what}`)
    throw new Error(`there is no broken build '${name}'; there are\n${names.join('\n')}`)
  }
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  for (const part of ['src', 'workers']) {
    cpSync(join(root, 'dist', part), join(folder, part), { recursive: true })
  }
  const file = join(folder, mutation.file)
  const pieces = readFileSync(file, 'utf8').split(mutation.from)
  if (pieces.length !== 2) {
    throw new Error(`${mutation.file} has '${mutation.from}' ${pieces.length - 1} times, not once`)
  }
  writeFileSync(file, pieces.join(mutation.to))
  return folder
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(`${breakBuild(process.argv[2] ?? '', process.argv[3])}\n`)
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
