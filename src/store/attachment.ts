/**
 * A heap as this thread has it open: one attachment per heap and thread, shared by all stores of
 * that heap that the thread opened, with the thread's slot, codec and decoder.
 *
 * The registry below is the package's only module-level state. Two copies of the package in one
 * thread each have their own, and so a slot each: nothing breaks, they are two readers.
 */

import { randomFillSync } from 'node:crypto'
import { threadId } from 'node:worker_threads'
import { RootswapError } from '../errors.ts'
import { writeHeader } from '../memory/header.ts'
import { MAX_WAIT_MS_AT } from '../memory/layout.ts'
import { type Memory, memoryOf } from '../memory/memory.ts'
import { Words } from '../memory/words.ts'
import { reapSlot, slotsOfThread } from '../reclaim/reaper.ts'
import { reportSlots } from '../reclaim/slots.ts'
import { HeapThread } from '../reclaim/thread.ts'
import { type Codec, makeCodec } from '../values/codec.ts'
import { Decoder } from '../values/view.ts'
import { Bell } from '../versions/waiters.ts'
import { channels } from './channels.ts'
import { creatorOf, hasDied, isWatched, onThreadDeath } from './family.ts'
import { identityKey, identityOf } from './handle.ts'
import type { ResolvedHeapOptions } from './options.ts'

/** Published versions of one thread that may wait before it tries a round. */
const RECLAIM_EVERY = 16
/** Milliseconds between tries to reap while another thread holds the lock. */
const REAP_RETRY_MS = 2

const attachments = new Map<string, Attachment>()

export class Attachment {
  readonly memory: Memory
  readonly thread: HeapThread
  readonly codec: Codec
  readonly decoder: Decoder
  readonly bell: Bell
  readonly key: string
  /** How deep this thread is in `read(fn)`. */
  readDepth = 0
  /** 1 for each cell whose recipe is running in this thread. Set and cleared without a call: a
   *  stack that overflowed must not keep it set. */
  readonly recipes: Uint8Array
  /** A value is being copied in: an accessor of it that writes would end this draft. */
  building = false
  /** Of the open stores: each moves its cached value to the newest version; false if it is. */
  readonly readers = new Set<() => boolean>()
  #era = 0
  #users = 0
  #closed = false

  constructor(memory: Memory, label: string) {
    this.memory = memory
    this.recipes = new Uint8Array(memory.layout.cells)
    this.key = identityKey(identityOf(memory))
    const identity = {
      threadId,
      creatorId: creatorOf(threadId),
      watched: isWatched(threadId),
      label,
    }
    this.thread = new HeapThread(memory, identity)
    this.codec = makeCodec(memory, this.thread.allocator)
    this.decoder = new Decoder(this.codec)
    this.bell = new Bell(memory, this.thread.slot.at)
  }

  get maxWaitMs(): number {
    return this.memory.m[MAX_WAIT_MS_AT] as number
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Names a protected version to the decoder's string cache: unique in this heap and thread, since
   *  an address means the same string only as long as one version is protected. */
  nextEra(): number {
    this.#era = (this.#era + 1) & 0x3fffffff
    return this.#era
  }

  /** Moves this thread's cached values to the newest versions; false if they all were there. */
  catchUp(): boolean {
    let moved = false
    for (const reader of this.readers) if (reader()) moved = true
    return moved
  }

  use(): this {
    this.#users++
    return this
  }

  /** Ends one use; the last one gives the thread's slot back. */
  release(): void {
    if (--this.#users > 0 || this.#closed) return
    this.#closed = true
    attachments.delete(this.key)
    this.bell.close()
    this.#leave()
  }

  /** Reaps the slots of threads whose end was noticed before this thread could be told. */
  reapDead(): void {
    for (const { threadId: owner } of reportSlots(this.memory)) {
      if (hasDied(owner)) this.reap(owner)
    }
  }

  /** Called when a thread of this process is known to be dead. */
  reap(deadId: number): void {
    if (this.#closed) return
    for (const slot of slotsOfThread(this.memory, deadId)) {
      if (!reapSlot(this.thread.reclaimer, slot, deadId, this.maxWaitMs)) {
        setTimeout(() => this.reap(deadId), REAP_RETRY_MS).unref()
        return
      }
      channels.reaped.publish({ threadId: deadId, slot })
    }
    this.thread.reclaimer.attempt(16)
    this.bell.ringAfterDeath()
  }

  #leave(): void {
    if (!this.thread.leave(this.maxWaitMs)) {
      setTimeout(() => this.#leave(), REAP_RETRY_MS).unref()
    }
  }
}

/** Makes a heap in a new buffer and attaches this thread to it. */
export function createAttachment(options: ResolvedHeapOptions, label: string): Attachment {
  const identity = randomFillSync(new Int32Array(2))
  const words = new Words(new SharedArrayBuffer(options.capacityWords * 4))
  const layout = writeHeader(words, {
    capacity: options.capacityWords,
    threads: options.threads,
    cells: options.cells,
    limboWordsMax: options.limboWords,
    stallMs: options.stallMs,
    maxWaitMs: options.maxWaitMs,
    reclaimEvery: RECLAIM_EVERY,
    debug: options.debug,
    identity: [identity[0] as number, identity[1] as number],
  })
  if (layout.spanCount < 8) {
    const bytes = options.capacityWords * 4
    throw new RootswapError(
      'ERR_HEAP_FULL',
      `a heap of ${bytes} bytes has no room for blocks beside its ${options.threads} thread ` +
        'slots; raise maxBytes or lower maxThreads',
      { maxBytes: bytes, maxThreads: options.threads },
    )
  }
  return attach(memoryOf(words, layout), label)
}

/** The thread's attachment to a heap: the one that it has, or a new one. */
export function attach(memory: Memory, label: string): Attachment {
  const known = attachments.get(identityKey(identityOf(memory)))
  if (known !== undefined) return known
  const attachment = new Attachment(memory, label)
  attachments.set(attachment.key, attachment)
  attachment.reapDead()
  return attachment
}

onThreadDeath((deadId) => {
  for (const attachment of attachments.values()) attachment.reap(deadId)
})
