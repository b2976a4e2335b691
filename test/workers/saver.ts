/**
 * A process that saves one store again and again, and says what it does, to be killed:
 * `saver.js FILE FIRST`, where its versions are numbered from FIRST on, or `saver.js FILE full` for
 * one that tells of failures on a full disk.
 */

import { createStore } from '../../src/index.ts'
import { autosave, saveSnapshot } from '../../src/persist.ts'

export interface Ledger {
  version: number
  rows: { version: number; text: string }[]
  sum: number
}

const ROWS = 6000

const [file, how] = process.argv.slice(2) as [string, string]
const first = how === 'full' ? 1 : Number(how)

const store = createStore<Ledger>({
  version: first,
  rows: Array.from({ length: ROWS }, (_, n) => ({ version: first, text: `row ${n}` })),
  sum: ROWS * first,
})

function change(): void {
  store.update((draft) => {
    draft.version++
    for (let turn = 0; turn < 50; turn++) {
      const row = draft.rows[(draft.version * 50 + turn) % ROWS] as Ledger['rows'][number]
      draft.sum += draft.version - row.version
      row.version = draft.version
    }
  })
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

if (how === 'full') {
  const saver = autosave(store, {
    file,
    everyMs: 10,
    onError: (error) => {
      const { code, reason } = error as { code: string; reason: string }
      say(JSON.stringify({ code, reason, savedVersion: saver.savedVersion }))
    },
    onSaved: ({ version }) => say(JSON.stringify({ saved: version })),
  })
  process.stdin.on('data', () => {
    change()
    process.stdin.pause()
  })
  process.on('disconnect', () => process.exit())
} else {
  for (;;) {
    const number = store.current.version
    say(`saving ${number}`)
    await saveSnapshot(store, file, {
      onProgress: ({ bytes }) => say(`wrote ${bytes}`),
    })
    say(`saved ${number}`)
    change()
  }
}
