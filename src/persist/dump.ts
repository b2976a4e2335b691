/**
 * Writes one version to a file, in the helper thread. It reads the shared memory as it is and
 * takes no part in the heap: the thread that asked holds the version's lease until this one has
 * answered or is gone.
 */

import { RootswapError } from '../errors.ts'
import { kindOf, OBJECT, ownOf } from '../memory/kinds.ts'
import { readHeader } from '../memory/header.ts'
import { type Memory, memoryOf } from '../memory/memory.ts'
import { Words } from '../memory/words.ts'
import { Shapes } from '../values/shapes.ts'
import { Text } from '../values/text.ts'
import { Decision } from './decision.ts'
import { NewFile } from './durable.ts'
import { type Bytes, chunkHead, END, type FileEnd, type FileHead, HEAD, NODES } from './format.ts'
import { PAYLOAD_BYTES, SHAPES } from './format.ts'
import { wordsOfNode } from './nodes.ts'
import { type Numbers, nodesOf } from './walk.ts'

/** What a save is asked to do; it travels to the helper thread. */
export interface Job {
  readonly buffer: SharedArrayBuffer
  readonly head: Omit<FileHead, 'nodes' | 'words'>
  readonly file: string
  /** How many earlier files are kept, as `file.1` … */
  readonly keep: number
  /** Of the `Decision` whether this save takes place. */
  readonly decision: SharedArrayBuffer
}

/** What the helper thread says on the way. */
export interface Progress {
  /** Nodes written, and to be written. */
  readonly nodes: number
  readonly totalNodes: number
  /** Bytes written. */
  readonly bytes: number
}

/** Writes the file; complete under its name, or not there. Throws what the file system says, and
 *  where it was stopped. */
export function dump(job: Job, progress: (now: Progress) => void): Progress {
  const words = new Words(job.buffer)
  const memory = memoryOf(words, readHeader(words))
  const nodes = nodesOf(memory, job.head.root, job.head.since)
  const file = new NewFile(job.file)
  try {
    const last = new Dump(memory, nodes, file, progress).write(job.head)
    file.finish() // the long part of it; it may be stopped until here
    if (!new Decision(job.decision).commits()) throw stopped(job)
    file.commit(job.keep)
    return last
  } catch (error) {
    file.discard()
    throw error
  }
}

/** Nobody is told: who stopped it knows. */
function stopped({ file }: Job): RootswapError {
  return new RootswapError('ERR_SAVE_FAILED', `the save of ${file} was stopped`, { file })
}

class Dump {
  readonly #m: Int32Array
  readonly #shapes: Shapes
  readonly #nodes: Numbers
  readonly #file: NewFile
  readonly #progress: (now: Progress) => void
  #payload = new Int32Array(PAYLOAD_BYTES / 4)
  #used = 0
  #chunks = 0
  #done = 0

  constructor(memory: Memory, nodes: Numbers, file: NewFile, progress: (now: Progress) => void) {
    this.#m = memory.m
    this.#shapes = new Shapes(memory, new Text(memory))
    this.#nodes = nodes
    this.#file = file
    this.#progress = progress
  }

  write(head: Job['head']): Progress {
    const { shapes, words } = this.#survey()
    const { length } = this.#nodes
    this.#chunk(HEAD, json({ ...head, nodes: length, words } satisfies FileHead))
    this.#chunk(SHAPES, json(shapes))
    for (let index = length - 1; index >= 0; index--) this.#node(this.#nodes.at(index))
    this.#flush()
    this.#chunk(END, json({ nodes: length, chunks: this.#chunks } satisfies FileEnd))
    return this.#now()
  }

  /** Which shapes the nodes have, and how many words they take. */
  #survey(): { shapes: [number, readonly string[]][]; words: number } {
    const m = this.#m
    const shapes: [number, readonly string[]][] = []
    const seen = new Set<number>()
    let words = 0
    for (let index = 0; index < this.#nodes.length; index++) {
      const node = this.#nodes.at(index)
      words += wordsOfNode(m, node, this.#shapes)
      if (kindOf(m, node) !== OBJECT) continue
      const id = ownOf(m, node) >>> 5
      if (seen.has(id)) continue
      seen.add(id)
      shapes.push([id, this.#shapes.of(id).keys])
    }
    return { shapes, words }
  }

  #node(node: number): void {
    const m = this.#m
    const words = wordsOfNode(m, node, this.#shapes)
    if (this.#used > 0 && this.#used + words > this.#payload.length) this.#flush()
    if (words > this.#payload.length) this.#payload = new Int32Array(words)
    const payload = this.#payload
    payload[this.#used] = (m[node] as number) & ~0x3f0 // without the size class
    payload[this.#used + 1] = node // in place of the count
    payload.set(m.subarray(node + 2, node + words), this.#used + 2)
    this.#used += words
    this.#done++
  }

  #flush(): void {
    if (this.#used === 0) return
    this.#chunk(NODES, this.#payload.subarray(0, this.#used))
    this.#used = 0
    this.#progress(this.#now())
  }

  #chunk(type: number, payload: Bytes): void {
    this.#file.write(chunkHead(type, this.#chunks++, payload))
    this.#file.write(payload)
  }

  #now(): Progress {
    return { nodes: this.#done, totalNodes: this.#nodes.length, bytes: this.#file.bytes }
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
