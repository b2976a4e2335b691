/**
 * A heap as this thread has it open: one attachment per heap and thread, shared by all stores of
 * that heap that the thread opened, with the thread's slot, codec and decoder.
 *
 * The registry below, and whether this thread was warned, are the only state of the package in
 * modules. Two copies of it in one thread each have their own, and so a slot each: nothing breaks,
 * they are two readers.
 */

import { randomFillSync } from 'node:crypto'
import { threadId } from 'node:worker_threads'
import { RootswapError } from '../errors.ts'
import { writeHeader } from '../memory/header.ts'
import { MAX_WAIT_MS_AT, SLOT_READ_SINCE } from '../memory/layout.ts'
import { type Memory, memoryOf } from '../memory/memory.ts'
import { Words } from '../memory/words.ts'
import { slotOfTag } from '../memory/tag.ts'
import { reapForNewcomer, reapSlot } from '../reclaim/reaper.ts'
import { reportSlots, type SlotReport } from '../reclaim/slots.ts'
import { HeapThread } from '../reclaim/thread.ts'
import { type Codec, makeCodec } from '../values/codec.ts'
import { Decoder } from '../values/view.ts'
import { Bell } from '../versions/waiters.ts'
import { ReclaimObserver, tellReaped } from './channels.ts'
import { reportUncaught } from './deliveries.ts'
import { creatorOf, deathCount, hasDied, isWatched, onThreadDeath } from './family.ts'
import { identityKey, identityOf } from './handle.ts'
import { clockMs, HeldSnapshots } from './held.ts'
import type { ResolvedHeapOptions } from './options.ts'
import { ReadPins } from './sources.ts'
import { StallWatch } from './stalls.ts'

/** Published versions of one thread that may wait before it tries a round. */
const RECLAIM_EVERY = 16
/** Slices of reclaiming when a thread has died, or let a branch go. */
const SLICES_PER_DEATH = 16
/** Milliseconds between tries to reap while another thread holds the lock. */
const REAP_RETRY_MS = 2
/** Milliseconds after which a thread tries to reclaim, however little it replaced. */
const AGE_MS = 100
/** Milliseconds after which a thread that nobody watches says so. */
const UNWATCHED_MS = 500

const attachments = new Map<string, Attachment>()
/** It was found that nobody watches this thread. */
let unwatched = false

export class Attachment {
  readonly memory: Memory
  readonly thread: HeapThread
  readonly codec: Codec
  readonly decoder: Decoder
  readonly pins: ReadPins
  readonly bell: Bell
  readonly key: string
  readonly snapshots: HeldSnapshots
  readonly stalls: StallWatch
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
  /** A timer is set for what was replaced and is not yet reclaimed. */
  #aging = false
  /** A timer is set for releases that wait. */
  #late = false
  /** Deaths in the process when the last dead thread of this heap was reaped. */
  #deaths = -1
  #reaping = false
  /** A timer is set for dead threads that could not be reaped. */
  #reapsLater = false
  /** What ends with the job that goes on. */
  readonly #ends = new Set<() => void>()

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
    this.thread.reclaimer.observer = new ReclaimObserver(this.key)
    this.thread.reclaimer.reapDead = this.reapDead
    this.codec = makeCodec(memory, this.thread.allocator)
    this.pins = new ReadPins(this.thread.leases, (run) => this.afterJob(run))
    this.decoder = new Decoder(this.codec, { settle: this.pins.settle })
    this.bell = new Bell(memory, this.thread.slot.at)
    this.snapshots = new HeldSnapshots(memory.words, this.thread.slot.at)
    this.stalls = new StallWatch(memory, this.thread, this.key)
    if (!identity.watched) warnUnwatched()
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

  /** For reports: a `read(fn)` begins. */
  stampRead(): void {
    this.memory.m[this.thread.slot.at + SLOT_READ_SINCE] = clockMs()
  }

  /** Moves this thread's cached values to the newest versions; false if they all were there. */
  catchUp(): boolean {
    let moved = false
    for (const reader of this.readers) if (reader()) moved = true
    return moved
  }

  /** Runs a function, once, when the job that goes on has ended: at the next pause for promises, or
   *  before the library blocks the thread. */
  afterJob(run: () => void): void {
    if (this.#ends.size === 0) queueMicrotask(this.endJob)
    this.#ends.add(run)
  }

  readonly endJob = (): void => {
    for (const end of this.#ends) {
      end()
      this.#ends.delete(end)
    }
  }

  use(): this {
    this.#users++
    return this
  }

  /** Runs work that may unwind from anywhere: what it had open is put right. */
  run<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      this.thread.settle()
      throw error
    }
  }

  /** Ends one use; the last one gives the thread's slot back. */
  release(): void {
    if (--this.#users > 0 || this.#closed) return
    this.#closed = true
    attachments.delete(this.key)
    this.bell.close()
    this.#leave(this.maxWaitMs)
  }

  /** Called when a thread of this process is known to have died: what it left comes back, and
   *  whoever waited for it looks again. */
  deathNoticed(): void {
    if (this.#closed) return
    this.#reapDead(this.maxWaitMs)
    if (this.thread.reclaimer.attempt(SLICES_PER_DEATH) !== 'idle') this.reclaimSoon()
    this.bell.ringAfterDeath()
  }

  /** Reaps threads that are known to have died, though this one may not have been told; waits for
   *  nothing. Whether it did. Cheap where nobody died since the last call. */
  readonly reapDead = (): boolean => this.#reapDead(0)

  #reapDead(waitMs: number): boolean {
    const deaths = deathCount()
    if (deaths === this.#deaths || this.#reaping || this.#closed) return false
    this.#reaping = true
    let [reaped, missed] = [false, false]
    try {
      for (const { slot, threadId: deadId } of this.#deadSlots()) {
        if (reapSlot(this.thread.reclaimer, slot, deadId, missed ? 0 : waitMs)) {
          reaped = true
          tellReaped({ heap: this.key, threadId: deadId, slot })
        } else missed = true
      }
    } finally {
      this.#reaping = false
    }
    if (missed) this.#reapLater()
    else this.#deaths = deaths
    return reaped
  }

  /** Who has the lock goes first: the others are reaped under it. */
  #deadSlots(): SlotReport[] {
    const owner = slotOfTag(this.thread.reclaimer.lock.owner())
    return deadSlots(this.memory).toSorted(
      (a, b) => Number(b.slot === owner) - Number(a.slot === owner),
    )
  }

  #reapLater(): void {
    if (this.#reapsLater) return
    this.#reapsLater = true
    setTimeout(() => {
      this.#reapsLater = false
      if (this.reapDead()) this.deathNoticed()
    }, REAP_RETRY_MS).unref()
  }

  /** Tries the releases that did not get the lock, until all are done. */
  catchUpSoon(): void {
    if (this.#late) return
    this.#late = true
    setTimeout(() => {
      this.#late = false
      if (!this.#closed && !this.thread.holds.catchUp()) this.catchUpSoon()
    }, REAP_RETRY_MS).unref()
  }

  /** Bounds the age of what was replaced, where too few writes follow to bound its count: tries
   *  again and again until nothing is left to do. A stall is noticed here too. */
  reclaimLater(): void {
    if (this.#aging) return
    this.#aging = true
    const attempt = (): void => {
      this.#aging = false
      if (this.#closed) return
      const end = this.thread.reclaimer.attempt(SLICES_PER_DEATH)
      if (end === 'idle') return
      if (end !== 'more') this.stalls.look()
      this.reclaimLater()
    }
    setTimeout(attempt, AGE_MS).unref()
  }

  /** Tries once more, when the sections that were in the way have closed: without another publish
   *  nobody else might. */
  reclaimSoon(): void {
    const again = (): void => {
      if (!this.#closed) this.thread.reclaimer.attempt(SLICES_PER_DEATH)
    }
    setTimeout(again, REAP_RETRY_MS).unref()
  }

  #leave(waitMs: number): void {
    if (!this.thread.leave(waitMs)) setTimeout(() => this.#leave(0), REAP_RETRY_MS).unref()
  }
}

/** Makes a heap in a new buffer and attaches this thread to it. `seed` is for a heap whose nodes
 *  come from another one: strings are hashed from it. */
export function createAttachment(
  options: ResolvedHeapOptions,
  label: string,
  seed?: number,
): Attachment {
  const identity = randomFillSync(new Int32Array(2))
  if (seed !== undefined) identity[0] = seed
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
  const attachment = newAttachment(memory, label)
  attachments.set(attachment.key, attachment)
  attachment.reapDead()
  return attachment
}

/** Slots of threads that are known to have died. */
function deadSlots(memory: Memory): SlotReport[] {
  return reportSlots(memory).filter((report) => hasDied(report.threadId))
}

/** Where all slots are taken, those of the dead are free for this thread. */
function newAttachment(memory: Memory, label: string): Attachment {
  try {
    return new Attachment(memory, label)
  } catch (error) {
    if ((error as RootswapError).code !== 'ERR_TOO_MANY_THREADS') throw error
    const newcomer = { threadId, waitMs: memory.m[MAX_WAIT_MS_AT] as number }
    const reaped = deadSlots(memory).filter((report) => reapForNewcomer(memory, report, newcomer))
    if (reaped.length === 0) throw error
    return new Attachment(memory, label)
  }
}

/** Once, and not at once: the creator enters the thread when it comes to it. */
function warnUnwatched(): void {
  if (unwatched) return
  unwatched = true
  const warn = (): void => {
    if (isWatched(threadId) || attachments.size === 0) return
    process.emitWarning(
      `nobody will notice the death of thread ${threadId}: what it holds then stays until the ` +
        'process ends; import rootswap in the thread that creates it, before it does',
      { code: 'ROOTSWAP_UNWATCHED', type: 'RootswapWarning' },
    )
  }
  setTimeout(warn, UNWATCHED_MS).unref()
}

onThreadDeath(() => {
  for (const attachment of attachments.values()) {
    try {
      attachment.run(() => attachment.deathNoticed())
    } catch (error) {
      reportUncaught(error) // the other heaps are none the worse
    }
  }
})
