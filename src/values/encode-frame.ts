/** The encoder's stack. */

import type { Key } from './immutable.ts'
import type { Shape } from './shapes.ts'
import { OBJECT_TABLE } from './table.ts'

/** A container whose children are being encoded. */
export class Frame {
  value: object = ROOT
  /** Where its words begin on the stack of words. */
  base = 0
  count = 0
  /** Of an object; of a dictionary until it had too many keys. */
  shape: Shape | undefined = undefined
  /** Of a dictionary. */
  keys: Key[] | undefined = undefined
  /** Of a Map or Set. */
  variant = OBJECT_TABLE
  /** The waiting children: from here… */
  from = 0
  cursor = 0
  /** …to here. */
  end = 0
  /** Values in the subtree so far. */
  total = 0
}

/** Stands for no value. */
export const ROOT = {}
