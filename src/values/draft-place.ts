/**
 * One place of a draft: an object or an array of the old version as a recipe sees it, with what
 * the recipe changed there. The place is its own proxy's handler, and also what `finish` builds
 * the successor from.
 *
 * A place belongs to a position in the tree, not to a node: nodes are shared within a version, and
 * two positions that share one are drafted independently. Everything here is private to a thread;
 * shared words are only read, and only those that the recipe asks for.
 */

import { typeError } from '../errors.ts'
import type { Offset } from '../memory/words.ts'
import type { Codec } from './codec.ts'
import { sameScalar } from './draft-nodes.ts'
import type { Key } from './immutable.ts'
import { isRevoked } from './plain.ts'

/** A draft answers this with its place. */
export const PLACE = Symbol('rootswap.place')
/** What a removed key holds. */
export const REMOVED = Symbol('rootswap.removed')
/** What reading a key gives that is not there. */
export const ABSENT = Symbol('rootswap.absent')

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** Where a depth-first walk over the changed places is with one of them. */
export const UNSEEN = 0
export const OPEN = 1
export const DONE = 2

/** What gets a new node at the end: a changed place, or a plain container that holds drafts. */
export interface Holder {
  visit: number
  /** The value word of the new node, or of the old one if nothing changed; 0 before. */
  built: number
  /** How often new nodes and the root reference `built`. */
  uses: number
  /** One of its positions in the new value: what holds it, at which key. */
  above: Holder | undefined
  at: Key
}

export function pathOf(holder: Holder): Key[] {
  const path: Key[] = []
  let step: Holder = holder
  // Bound: the depth of the value, which has no cycles.
  for (; step.above !== undefined; step = step.above) path.push(step.at)
  return path.reverse()
}

/** What all places of one session share. */
export interface DraftScope {
  readonly codec: Codec
  readonly live: boolean
  /** The value that a word of the old version stands for, made a place if it is a container. */
  open(parent: Place, key: Key, word: number): unknown
  /** The value of a word that is no object and no array. */
  scalar(word: number): unknown
}

export abstract class Place implements Holder, ProxyHandler<object> {
  readonly scope: DraftScope
  readonly parent: Place | undefined
  /** Key or index in the parent's node. */
  readonly key: Key
  /** The value word in the old version. */
  readonly word: number
  /** Of a flat parent: where the key is among its references. */
  slot = -1
  proxy: object = this
  modified = false
  visit = UNSEEN
  built = 0
  uses = 0
  above: Holder | undefined = undefined
  at: Key = ''
  /** Its successor stands in the successor of its parent, and may claim its reference there. */
  inPlace = false

  constructor(scope: DraftScope, parent: Place | undefined, key: Key, word: number) {
    this.scope = scope
    this.parent = parent
    this.key = key
    this.word = word
  }

  /** The old node is one block, whose references can be claimed one by one. */
  abstract readonly isFlat: boolean

  /** What the recipe put or looked at, under the key of the old node; undefined if nothing. */
  abstract rawOf(key: Key): unknown

  /** Its old node. */
  abstract readonly node: Offset
  /** Of a flat place: first word and number of the node's references. */
  abstract readonly childrenAt: Offset
  abstract readonly childCount: number

  /** Of a flat place: where a key is among the node's references, or -1. */
  abstract slotOf(key: Key): number

  /** The one key that was touched, if the place is flat and has the keys that its node has. */
  abstract onlyTouch(): Key | undefined

  /** What the recipe put here or looked at, by the keys of now. */
  abstract touchedValues(): Iterable<readonly [Key, unknown]>

  /** Called on the draft, since the place is its target. */
  [INSPECT](): unknown {
    return showDraft(this)
  }

  /** Drafts of this session become their places; anything else stays. */
  unwrap(value: unknown): unknown {
    const place = placeOf(value)
    return place?.scope === this.scope ? place : value
  }

  /** The value is another one now: so this place and those above it get successors. */
  mark(): void {
    if (this.modified) return
    this.modified = true
    for (let place = this.parent; place !== undefined && !place.modified; place = place.parent) {
      place.modified = true
    }
  }

  /** Whether a word of the old version already says `value`, which is no draft. */
  says(word: number, value: unknown): boolean {
    return sameScalar(this.scope.codec, word, value)
  }

  /** Every trap begins here: a draft ends with its recipe. */
  use(operation: string): void {
    if (!this.scope.live) {
      throw typeError(
        'ERR_INVALID_ARGUMENT',
        `Cannot perform '${operation}' on a draft that has been revoked: its recipe has ended`,
      )
    }
  }

  refuse(what: string): never {
    throw typeError('ERR_INVALID_ARGUMENT', `${what} is not possible on a draft`)
  }

  defineProperty(): boolean {
    return this.refuse('Object.defineProperty()')
  }

  setPrototypeOf(): boolean {
    return this.refuse('Object.setPrototypeOf()')
  }

  preventExtensions(): boolean {
    return this.refuse('Object.freeze(), seal() or preventExtensions()')
  }
}

export function placeOf(value: unknown): Place | undefined {
  if (typeof value !== 'object' || value === null || isRevoked(value)) return undefined
  return (value as { [PLACE]?: Place })[PLACE]
}

/** Node asks the target of a proxy how to print it, and calls that with the proxy. */
function showDraft(draft: object): unknown {
  if (placeOf(draft)?.scope.live !== true) return '[revoked draft]'
  if (draft instanceof Map) return new Map(draft)
  if (draft instanceof Set) return new Set(draft)
  return Array.isArray(draft) ? Array.from(draft as unknown[]) : { ...draft }
}

/** The target of an array's draft: an array, so that `Array.isArray` says so. */
export class ArrayTarget extends Array<unknown> {
  [INSPECT](): unknown {
    return showDraft(this)
  }
}
