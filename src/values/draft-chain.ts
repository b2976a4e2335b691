/**
 * The common recipe changes one place somewhere down: each changed place above it holds nothing
 * but the next. Then there is nothing to plan and nothing moves; the path is copied.
 */

import { isReference } from '../memory/kinds.ts'
import type { Delta } from '../versions/delta.ts'
import type { Codec } from './codec.ts'
import { copyFlat, setChild } from './draft-nodes.ts'
import { type Key, Place } from './draft-place.ts'
import { NO_WORD } from './word.ts'

interface Link {
  readonly place: Place
  readonly key: Key
}

/** The new root's word, or `NO_WORD` if the changed places are no chain; then nothing is done. */
export function buildChain(codec: Codec, root: Place, delta: Delta): number {
  const links: Link[] = []
  let raw: unknown = root
  // Bound: the depth of the old version.
  while (raw instanceof Place) {
    const key = raw.onlyTouch()
    if (key === undefined) return NO_WORD
    links.push({ place: raw, key })
    const inner: unknown = raw.rawOf(key)
    if (inner instanceof Place && (inner.key !== key || inner.parent !== raw || !inner.modified)) {
      return NO_WORD
    }
    raw = inner
  }
  // A plain object may hold drafts.
  if (typeof raw === 'object' && raw !== null) return NO_WORD
  return copyChain(codec, links, raw, delta)
}

function copyChain(codec: Codec, links: readonly Link[], value: unknown, delta: Delta): number {
  const { encoder, memory } = codec
  const { m } = memory
  encoder.reset()
  encoder.pathTo = () => links.map(({ key }) => key)
  let word = encoder.encodeNext(value)
  encoder.reset()
  const last = links.length - 1
  for (let index = 0; index <= last; index++) {
    const { place, key } = links[index] as Link
    const slot = place.slotOf(key)
    const drops = index === last && isReference(m[place.childrenAt + slot] as number)
    if (drops) delta.replaced(place.node, [slot])
    else delta.replaced(place.node)
  }
  for (let index = last; index >= 0; index--) {
    const { place, key } = links[index] as Link
    const { node, childrenAt, childCount } = place
    const copy = copyFlat(codec, node, childrenAt + childCount - node)
    word = setChild(m, copy, childrenAt - node + place.slotOf(key), word) | (place.word & 7)
  }
  return word
}
