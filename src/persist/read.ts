/** Reads the file of a save chunk by chunk; every byte of it is checked. */

import { open, type FileHandle } from 'node:fs/promises'
import { RootswapError } from '../errors.ts'
import {
  type Bytes,
  checkPayload,
  CHUNK_HEAD_BYTES,
  damaged,
  END,
  FILE_FORMAT,
  type FileEnd,
  type FileHead,
  HEAD,
  NODES,
  readChunkHead,
  SHAPES,
} from './format.ts'

export interface Chunk {
  readonly type: number
  readonly payload: Bytes
  /** Where its payload begins in the file. */
  readonly at: number
}

export interface NodesChunk {
  readonly words: Int32Array
  readonly at: number
}

export type ShapeList = readonly (readonly [number, readonly string[]])[]

export class SavedFile {
  readonly path: string
  readonly #handle: FileHandle
  readonly #size: number
  #at = 0
  #chunks = 0

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path
    this.#handle = handle
    this.#size = size
  }

  /** Throws what the file system says where the file can not be opened. */
  static async open(path: string): Promise<SavedFile> {
    const handle = await open(path, 'r')
    try {
      return new SavedFile(path, handle, (await handle.stat()).size)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** What the file begins with. */
  async head(): Promise<FileHead> {
    const { at, payload } = await this.#next(HEAD)
    const head = parse<FileHead>(payload, at)
    if (head.format !== FILE_FORMAT) {
      throw damaged(at, `the file is of format ${head.format}, this package reads ${FILE_FORMAT}`)
    }
    return head
  }

  async shapes(): Promise<ShapeList> {
    const { at, payload } = await this.#next(SHAPES)
    return parse<ShapeList>(payload, at)
  }

  /** The chunks of nodes; after the last one the end of the file has been checked. */
  async *nodes(): AsyncGenerator<NodesChunk> {
    for (;;) {
      // bound: the file's length
      const chunk = await this.#next(NODES, END)
      if (chunk.type === END) return await this.#expectEnd(chunk)
      yield { words: chunk.payload as Int32Array, at: chunk.at }
    }
  }

  /** Adds the file's name to an error about its content. */
  blame(error: unknown): unknown {
    if (!(error instanceof RootswapError) || error.code !== 'ERR_CORRUPT_FILE') return error
    return new RootswapError('ERR_CORRUPT_FILE', `${this.path} is damaged: ${error.message}`, {
      ...error.fields,
      file: this.path,
    })
  }

  async #expectEnd({ payload, at }: Chunk): Promise<void> {
    const end = parse<FileEnd>(payload, at)
    if (end.chunks !== this.#chunks - 1) throw damaged(at, `the file has not ${end.chunks} chunks`)
    if (this.#at !== this.#size) throw damaged(this.#at, 'something follows the end of the file')
  }

  async #next(...types: number[]): Promise<Chunk> {
    const begin = this.#at
    const head = Buffer.alloc(CHUNK_HEAD_BYTES)
    await this.#fill(head)
    const { type, bytes } = readChunkHead(head, begin, this.#chunks)
    if (bytes > this.#size - this.#at) {
      throw damaged(begin, `the file ends in the middle of a chunk of ${bytes} bytes`)
    }
    const at = this.#at
    if (type === NODES && bytes % 4 !== 0) throw damaged(begin, 'a chunk of nodes has odd bytes')
    const payload = type === NODES ? new Int32Array(bytes / 4) : Buffer.alloc(bytes)
    await this.#fill(payload)
    checkPayload(head, payload, begin)
    if (!types.includes(type)) throw damaged(begin, `a chunk of type ${type} is out of place`)
    this.#chunks++
    return { type, payload, at }
  }

  async #fill(target: Bytes): Promise<void> {
    const length = target.byteLength
    for (let done = 0; done < length;) {
      // bound: bytes
      const left = length - done
      const { bytesRead } = await this.#handle.read(target, done, left, this.#at + done)
      if (bytesRead === 0) throw damaged(this.#at + done, 'the file ends too early')
      done += bytesRead
    }
    this.#at += length
  }
}

function parse<T>(payload: Bytes, at: number): T {
  try {
    return JSON.parse(payload.toString()) as T
  } catch {
    throw damaged(at, 'a chunk that describes the file is not readable')
  }
}
