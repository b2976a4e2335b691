/** How long nodes are, and what of them a file holds. */

import { corrupt } from '../errors.ts'
import {
  ARRAY,
  BOX,
  BUCKET,
  DOUBLE,
  ENTRY,
  inlineKeyWords,
  KEY_WORD,
  kindOf,
  LIST,
  LIST_NODE,
  markWords,
  OBJECT,
  ownOf,
  STRING,
  TABLE,
  TRIE,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { boxWords } from '../values/box.ts'
import { stringWords } from '../values/text.ts'

/** Says how many keys an object has. */
export interface KeyCounts {
  of(shape: number): { readonly count: number }
}

/** Words that a node uses: what its block has beyond them means nothing. */
export function wordsOfNode(m: Int32Array, node: Offset, shapes: KeyCounts): number {
  const own = ownOf(m, node)
  switch (kindOf(m, node)) {
    case OBJECT:
      return 3 + shapes.of(own >>> 5).count
    case ARRAY:
      return 4 + (m[node + 3] as number)
    case STRING:
      return stringWords(m[node + 2] as number, (own & 1) === 1)
    case DOUBLE:
      return 4
    case LIST:
      return 6
    case LIST_NODE:
    case TRIE:
      return 3 + own
    case TABLE:
      return 8
    case BUCKET:
      return 3 + markWords(own) + 2 * own
    case ENTRY:
      return 6 + ((own & 3) === KEY_WORD ? 1 : inlineKeyWords(own))
    case BOX:
      return boxWords(own, m[node + 3] as number)
    default:
      throw corrupt(`a value has a block of kind ${kindOf(m, node)}`, { node })
  }
}

/** Whether a version up to `since` has the node. Strings and numbers do not say, so they count as
 *  new wherever a new node has them. */
export function isOlder(m: Int32Array, node: Offset, since: number): boolean {
  const kind = kindOf(m, node)
  if (since === 0 || kind === STRING || kind === DOUBLE) return false
  // Birth words are the low 31 bits of a version: compared by their difference.
  return (((m[node + 2] as number) - since) << 1) >> 1 <= 0
}
