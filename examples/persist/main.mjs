// A counter that survives kill -9, but for what its saver had not saved yet.
//
//   node examples/persist/main.mjs FILE      run it, kill it, run it again

import { existsSync } from 'node:fs'
import { createStore } from 'rootswap'
import { autosave, restoreStore } from 'rootswap/persist'

const file = process.argv[2] ?? 'counter.rootswap'
const store = existsSync(file) ? await restoreStore(file) : createStore({ count: 0, runs: 0 })
console.log(`begins at ${store.current.count}, run ${store.current.runs + 1}`)

const saver = autosave(store, { file, everyMs: 50, keep: 1 })
store.update((draft) => {
  draft.runs++
})
const counting = setInterval(() => {
  store.update((draft) => {
    draft.count++
  })
}, 1)
const telling = setInterval(() => {
  const unsaved = store.version - saver.savedVersion
  console.log(`counted to ${store.current.count}, ${unsaved} versions not saved yet`)
}, 100)

process.once('SIGTERM', async () => {
  clearInterval(counting)
  clearInterval(telling)
  await saver.flush()
  console.log(`saved ${store.current.count}`)
  await saver.close()
  store.close()
})
