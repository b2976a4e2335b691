/** Documents as they come, before anybody has read what they say. */

import { createHash } from 'node:crypto'

export type FormatName = 'json' | 'yaml' | 'toml'

/** One document. */
export interface Text {
  /** Names it in events and issues; its end tells the format, unless `format` does. */
  readonly file: string
  readonly bytes: Uint8Array
  readonly format?: FormatName
}

/** Of all names and bytes. */
export function hashOf(texts: readonly Text[]): string {
  const hash = createHash('sha256')
  for (const { file, bytes } of texts) {
    hash.update(`${Buffer.byteLength(file)}:${file}${bytes.byteLength}:`).update(bytes)
  }
  return hash.digest('hex')
}
