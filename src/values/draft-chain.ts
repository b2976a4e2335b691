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

/** The new root's word, or `NO_WORD` if the changed places are no chain; then nothing is done. The
 *  delta is empty before; it has parents first. */
export function buildChain(codec: Codec, root: Place, delta: Delta): number {
  const { m } = codec.memory
  let place = root
  // Bound: the depth of the old version.
  for (;;) {
    const key = place.onlyTouch()
    const raw: unknown = key === undefined ? undefined : place.rawOf(key)
    if (key === undefined || !mayEnd(raw)) break
    if (raw instanceof Place) {
      if (raw.key !== key || raw.parent !== place || !raw.modified) break
      delta.replaced(place.node)
      place = raw
      continue
    }
    const slot = place.slotOf(key)
    const drops = isReference(m[place.childrenAt + slot] as number)
    if (drops) delta.replaced(place.node, [slot])
    else delta.replaced(place.node)
    return copyChain(codec, place, slot, raw)
  }
  delta.clear()
  return NO_WORD
}

/** A plain object may hold drafts. */
function mayEnd(raw: unknown): boolean {
  return typeof raw !== 'object' || raw === null || raw instanceof Place
}

/* No array of links is made: V8 learns from literals that survive a collection to allocate them
 * old, and one old array of drafts keeps the drafts of the next recipe alive, and so on. */
function copyChain(codec: Codec, last: Place, slot: number, value: unknown): number {
  const { encoder, memory } = codec
  const { m } = memory
  encoder.reset()
  encoder.pathTo = () => pathOf(last)
  let word = encoder.encodeNext(value)
  encoder.reset()
  let changed = slot
  for (let place: Place | undefined = last; place !== undefined; place = place.parent) {
    const { node, childrenAt, childCount } = place
    const copy = copyFlat(codec, node, childrenAt + childCount - node)
    word = setChild(m, copy, childrenAt - node + changed, word) | (place.word & 7)
    changed = place.slot
  }
  return word
}

/** The keys that lead to what was changed. */
function pathOf(last: Place): Key[] {
  const path = [last.onlyTouch() as Key]
  for (let place = last; place.parent !== undefined; place = place.parent) path.push(place.key)
  return path.reverse()
}
