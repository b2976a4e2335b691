/**
 * The file of a save: chunks one after the other, each with its own checksum.
 *
 * | chunk | payload |
 * | --- | --- |
 * | head (1) | JSON, `FileHead`: which store, which version, what the file leaves out |
 * | shapes (2) | JSON, `[id, keys][]`: key lists of the objects in the file |
 * | nodes (3) | words: per node its header, its offset in the saved heap, its words from w2 on |
 * | end (4) | JSON, `FileEnd`: how much was written; without it the file is torn |
 *
 * A chunk begins with four words: magic, type | index << 8, bytes of the payload, CRC-32 of the two
 * words before it and of the payload. All numbers are little-endian. Nodes come parents first, so
 * that a reader that needs only a part of a file can drop the rest as it goes.
 */

import { crc32 } from 'node:zlib'
import { RootswapError } from '../errors.ts'

/** 'rsw1' */
const CHUNK_MAGIC = 0x31777372
export const FILE_FORMAT = 2
export const CHUNK_HEAD_BYTES = 16
/** A payload is about this long; one node may make it longer. */
export const PAYLOAD_BYTES = 1 << 18

export const HEAD = 1
export const SHAPES = 2
export const NODES = 3
export const END = 4

/** What is written or read: words where it is nodes. */
export type Bytes = Buffer | Int32Array<ArrayBuffer>

export interface FileHead {
  readonly format: number
  /** Which heap, cell and use of the cell: only files of one store can follow each other. */
  readonly store: string
  readonly version: number
  /** Nodes born up to this version are not in the file; 0 where all are. */
  readonly since: number
  /** Value word of the root. */
  readonly root: number
  /** What the hashes in the file begin with. */
  readonly seed: number
  readonly nodes: number
  /** Words that the nodes take in a heap, about. */
  readonly words: number
  /** ISO 8601. */
  readonly savedAt: string
}

export interface FileEnd {
  readonly nodes: number
  readonly chunks: number
}

/** The head of a chunk, which stands before the payload. */
export function chunkHead(type: number, index: number, payload: Bytes): Buffer {
  const head = Buffer.alloc(CHUNK_HEAD_BYTES)
  head.writeUInt32LE(CHUNK_MAGIC, 0)
  head.writeUInt32LE((type | (index << 8)) >>> 0, 4)
  head.writeUInt32LE(payload.byteLength, 8)
  head.writeUInt32LE(checksum(head, payload), 12)
  return head
}

export interface ChunkHead {
  readonly type: number
  readonly bytes: number
}

/** Reads a chunk's head. `at` is where it stands in the file, for the error. */
export function readChunkHead(head: Buffer, at: number, index: number): ChunkHead {
  if (head.readUInt32LE(0) !== CHUNK_MAGIC) throw damaged(at, 'no chunk begins here')
  const word = head.readUInt32LE(4)
  if (word >>> 8 !== (index & 0xffffff)) throw damaged(at, `the chunk is not number ${index}`)
  return { type: word & 0xff, bytes: head.readUInt32LE(8) }
}

/** Throws where a payload is not what was written. */
export function checkPayload(head: Buffer, payload: Bytes, at: number): void {
  if (head.readUInt32LE(12) === checksum(head, payload)) return
  throw damaged(at, 'the checksum of the chunk is wrong')
}

/** The error about a damaged file; whoever knows the file's name adds it. */
export function damaged(offset: number, reason: string): RootswapError {
  return new RootswapError('ERR_CORRUPT_FILE', `${reason}, at byte ${offset}`, { offset, reason })
}

function checksum(head: Buffer, payload: Bytes): number {
  return crc32(payload, crc32(head.subarray(4, 12)))
}
