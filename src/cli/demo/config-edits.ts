/** The twenty changes that somebody makes to the configuration while the service runs. */

import { RootswapError } from '../../errors.ts'
import { pause } from './clock.ts'
import type { ConfigFile } from './config-file.ts'

/** What is found in the text, and what is typed instead. */
type Edit = readonly [RegExp, string]

/** Each is made to the last good text; the two that are invalid are not built upon. */
const EDITS: readonly Edit[] = [
  [/("cartItemsMax":) \d+/, '$1 250'],
  [/("poolSize":) \d+/, '$1 32'],
  [/("level":) "\w+"/, '$1 "debug"'],
  [/("newSearchRanking": .*"rollout":) [\d.]+/, '$1 0.25'],
  [/("anonymous": \{ "requests":) \d+/, '$1 90'],
  [/("slowQueryMs":) \d+/, '$1 400'],
  [/("level": "debug"),/, '$1'], // invalid: a comma is missing
  [/("price": \{ "entriesMax":) \d+/, '$1 150000'],
  [/("requestTimeoutMs":) \d+/, '$1 12000'],
  [/("giftCards": .*"rollout":) [\d.]+/, '$1 0.75'],
  [/("release":) "[^"]+"/, '$1 "2025.39.0"'],
  [/("templatesVersion":) \d+/, '$1 42'],
  [/("blockedUserAgents": \[)/, '$1"sqlninja", '],
  [/("port":) 8443/, '$1 84430'], // invalid: there is no such port
  [/("level":) "\w+"/, '$1 "info"'],
  [/("newSearchRanking": .*"rollout":) [\d.]+/, '$1 1'],
  [/("sameDayDelivery": \{ "enabled":) false/, '$1 true'],
  [/("quality":) \d+/, '$1 78'],
  [/("POST \/login": \{ "requests":) \d+/, '$1 5'],
  [/("maintenance": \{ "enabled":) false/, '$1 true'],
]

export const EDIT_COUNT = EDITS.length
/** Which of them are invalid. */
export const INVALID_COUNT = 2

/** Makes all the changes, spread over the given time, each once the one before was dealt with. */
export async function editLive(
  file: ConfigFile,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  let good = file.text
  for (const [find, type] of EDITS) {
    await pause(milliseconds / EDITS.length, signal)
    if (signal.aborted) return
    const text = good.replace(find, type)
    if (text === good) {
      throw new RootswapError('ERR_NO_SUCH_PATH', `the configuration has no line with ${find}`)
    }
    const { rejected } = file
    await file.save(text, signal)
    if (file.rejected === rejected) good = text
  }
}
