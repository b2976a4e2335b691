/**
 * The common recipe changes one place somewhere down: each changed place above it holds nothing
 * but the next. Then there is nothing to plan and nothing moves; the path is copied.
 */

import { isReference } from '../memory/kinds.ts'
import type { Delta } from '../versions/delta.ts'
import type { Codec } from './codec.ts'
import { copyFlat, setChild } from './draft-nodes.ts'
import { Place } from './draft-place.ts'
import type { Key } from './immutable.ts'
import { NO_WORD } from './word.ts'

/** The new root's word, or `NO_WORD` if the changed places are no chain; then nothing is done. */
export function buildChain(codec: Codec, root: Place, delta: Delta): number {
  let last = root
  let raw: unknown = root
  // Bound: the depth of the old version.
  while (raw instanceof Place) {
    const key = raw.onlyTouch()
    if (key === undefined) return NO_WORD
    last = raw
    const inner: unknown = raw.rawOf(key)
    if (inner instanceof Place && (inner.key !== key || inner.parent !== raw || !inner.modified)) {
      return NO_WORD
    }
    raw = inner
  }
  // A plain object may hold drafts.
  if (typeof raw === 'object' && raw !== null) return NO_WORD
  return copyChain(codec, last, raw, delta)
}

/* No array of links is made: V8 learns from literals that survive a collection to allocate them
 * old, and one old array of drafts keeps the drafts of the next recipe alive, and so on. */
function copyChain(codec: Codec, last: Place, value: unknown, delta: Delta): number {
  const { encoder, memory } = codec
  const { m } = memory
  encoder.reset()
  encoder.pathTo = () => pathOf(last)
  let word = encoder.encodeNext(value)
  encoder.reset()
  reportChain(codec, last, delta)
  let key = last.onlyTouch() as Key
  for (let place: Place | undefined = last; place !== undefined; place = place.parent) {
    const { node, childrenAt, childCount } = place
    const copy = copyFlat(codec, node, childrenAt + childCount - node)
    word = setChild(m, copy, childrenAt - node + place.slotOf(key), word) | (place.word & 7)
    key = place.key
  }
  return word
}

/** Tells the delta about the replaced nodes, parents first. */
function reportChain(codec: Codec, last: Place, delta: Delta): void {
  const { m } = codec.memory
  let place = last
  while (place.parent !== undefined) place = place.parent
  while (place !== last) {
    delta.replaced(place.node)
    place = place.rawOf(place.onlyTouch() as Key) as Place
  }
  const slot = last.slotOf(last.onlyTouch() as Key)
  if (isReference(m[last.childrenAt + slot] as number)) delta.replaced(last.node, [slot])
  else delta.replaced(last.node)
}

/** The keys that lead to what was changed. */
function pathOf(last: Place): Key[] {
  const path = [last.onlyTouch() as Key]
  for (let place = last; place.parent !== undefined; place = place.parent) path.push(place.key)
  return path.reverse()
}
