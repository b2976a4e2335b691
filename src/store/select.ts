/**
 * What a thread makes from one part of a store's value, made again only when that part is another
 * one. Unchanged parts are the same objects from version to version, so identity says it.
 */

import { functionOf } from './wait-arguments.ts'

/** What `select` needs of a store. */
export interface Selected<T> {
  /** The newest value; one plain load when nothing changed. */
  readonly current: T
  /** The version of the value that `current` gave last. */
  readonly cachedVersion: number
}

/** No version of a store. */
const NEVER = -1

/**
 * A function that returns `project(selector(current))`, computed anew only when what the selector
 * returns is not the same (`Object.is`) as before. What throws is thrown, and tried again by the
 * next call. Throws `TypeError`.
 */
export function select<T, S, R>(
  store: Selected<T>,
  selector: (value: T) => S,
  project?: (selected: S) => R,
): () => S | R {
  functionOf('selector', selector)
  if (project !== undefined) functionOf('project', project)
  let version = NEVER
  let isSelected: (value: S) => boolean = () => false
  let result: S | R
  return () => {
    const value = store.current
    const newest = store.cachedVersion
    if (newest === version) return result
    const selected = selector(value)
    if (!isSelected(selected)) {
      result = project === undefined ? selected : project(selected)
      isSelected = identity(selected)
    }
    version = newest
    return result
  }
}

/**
 * Tells a value again. An object is held weakly: one that nobody else holds is not what a newer
 * version has there, and holding it could keep an old version in memory.
 */
function identity<S>(selected: S): (value: S) => boolean {
  return typeof selected === 'object' && selected !== null
    ? sameObject(new WeakRef(selected))
    : (value) => Object.is(value, selected)
}

/** A scope of its own: one that has the object as a variable would hold it. */
function sameObject(held: WeakRef<object>): (value: unknown) => boolean {
  return (value) => held.deref() === value
}
