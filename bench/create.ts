/** `createStore` of the 20 MB document against `JSON.parse` of its text, and its bytes. */

import { createStore } from '../src/index.ts'
import { documentText, STORE_BYTES } from './document.ts'
import { digits, median, report } from './rows.ts'

const ROUNDS = 9

const text = documentText()
const ratios: number[] = []
let cold = 0
let bytes = 0
for (let round = 0; round < ROUNDS; round++) {
  globalThis.gc?.()
  let begin = performance.now()
  const document: unknown = JSON.parse(text)
  const parse = performance.now() - begin
  globalThis.gc?.()
  begin = performance.now()
  const store = createStore(document, { maxBytes: STORE_BYTES })
  const ratio = (performance.now() - begin) / parse
  if (round === 0) cold = ratio
  else ratios.push(ratio)
  bytes = store.stats().liveBytes
  store.close()
}
const warm = median(ratios)

report([
  {
    job: '`createStore` of the 20 MB document',
    reached: `${digits(warm)} × \`JSON.parse\` warm, ${digits(cold)} × the first time`,
    goal: '≤ 1.0 × `JSON.parse` warm, ≤ 1.5 × cold',
    met: warm <= 1 && cold <= 1.5,
    how: `${ROUNDS} rounds in one process, parse and create in turn; median of all but the first`,
  },
  {
    job: 'bytes of the store',
    reached: `${digits(bytes / text.length, 3)} × the JSON text (${bytes} of ${text.length})`,
    goal: '≤ 0.5 × the JSON text',
    met: bytes <= text.length / 2,
    how: '`stats().liveBytes` of the store that holds the document alone',
  },
])
