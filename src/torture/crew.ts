/**
 * The threads of a torture run: started, replaced, killed, brought to rest. It also knows what a
 * killed thread left in the heap, because it looks before the death is repaired.
 */

import { Worker } from 'node:worker_threads'
import { LOCK_AT, SLOT_READING, SLOT_SECTION, SLOT_TICKET } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { slotOfTag } from '../memory/tag.ts'
import { slotsOfThread } from '../reclaim/reaper.ts'
import { slotAt } from '../reclaim/slots.ts'
import { ABSENT, type Control, Member, MEMBERS_MAX, PARKED } from './control.ts'
import type { ThreadData, ViolationMessage } from './thread.ts'

const workerFile = new URL('../../workers/torture.js', import.meta.url)

export interface CrewPlan {
  readonly structure: string
  readonly handle: unknown
  readonly memory: Memory
  readonly control: Control
  readonly seed: number
  readonly epoch: bigint
  /** Called with what a thread that ended has counted and recorded. */
  ended(member: Member): void
  violation(what: string): void
}

interface Hand {
  readonly worker: Worker
  readonly member: Member
  readonly role: ThreadData['role']
  readonly gone: Promise<void>
  killed: boolean
}

export class Crew {
  readonly #plan: CrewPlan
  readonly #hands = new Set<Hand>()
  readonly killsByPhase: Record<string, number> = {}
  #started = 0

  constructor(plan: CrewPlan) {
    this.#plan = plan
  }

  get members(): Member[] {
    return [...this.#hands].map(({ member }) => member)
  }

  start(role: ThreadData['role']): void {
    const { structure, handle, control, seed, epoch } = this.#plan
    const member = this.#freeMember()
    const workerData: ThreadData = {
      structure,
      role,
      handle,
      control: control.words.buffer,
      member: member.index,
      seed: (seed + 7919 * ++this.#started) | 0,
      epoch,
    }
    const worker = new Worker(workerFile, { workerData })
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    const hand: Hand = { worker, member, role, gone, killed: false }
    this.#hands.add(hand)
    worker.on('message', ({ violation }: ViolationMessage) => this.#plan.violation(violation))
    worker.on('error', (error) => this.#plan.violation(`a ${role} threw ${String(error)}`))
    worker.once('exit', () => {
      this.#hands.delete(hand)
      this.#plan.ended(member)
      member.clear()
    })
    // Before the listeners that the package itself has: they repair what is to be looked at.
    worker.once('online', () => {
      const id = worker.threadId
      worker.prependOnceListener('exit', () => this.#autopsy(hand, id))
    })
  }

  /** Ends a thread properly and starts another of its role. */
  async replace(index: number): Promise<void> {
    const hand = [...this.#hands][index % this.#hands.size]
    if (hand === undefined) return
    hand.member.askToEnd()
    await hand.gone
    this.start(hand.role)
  }

  /** Kills a thread where it stands and starts another of its role. */
  async kill(index: number): Promise<void> {
    const hand = [...this.#hands][index % this.#hands.size]
    if (hand === undefined || hand.member.state === ABSENT) return
    hand.killed = true
    await hand.worker.terminate()
    this.start(hand.role)
  }

  /** Resolves when every thread is parked; false when one does not park in time. */
  async parked(patienceMs: () => number): Promise<boolean> {
    const begin = performance.now()
    for (;;) {
      if (this.members.every(({ state }) => state === PARKED)) return true
      if (performance.now() - begin > patienceMs()) return false
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** Resolves when every thread has ended by itself; those that do not are terminated. */
  async ended(timeoutMs: number): Promise<boolean> {
    const hands = [...this.#hands]
    let late = 0
    const timer = setTimeout(() => {
      late = this.#hands.size
      for (const { worker } of this.#hands) void worker.terminate()
    }, timeoutMs)
    await Promise.all(hands.map(({ gone }) => gone))
    clearTimeout(timer)
    return late === 0
  }

  #freeMember(): Member {
    const taken = new Set(this.members.map(({ index }) => index))
    let index = 0
    while (taken.has(index)) index++ // bound: MEMBERS_MAX
    const member = new Member(this.#plan.control, index % MEMBERS_MAX)
    member.clear()
    return member
  }

  /** What a killed thread was doing, and what it left open in the heap. */
  #autopsy(hand: Hand, threadId: number): void {
    if (!hand.killed) return
    const { words, layout } = this.#plan.memory
    const tell = (what: string): void => {
      this.killsByPhase[what] = (this.killsByPhase[what] ?? 0) + 1
    }
    tell(hand.member.phase)
    for (const slot of slotsOfThread(this.#plan.memory, threadId)) {
      const at = slotAt(layout, slot)
      if ((words.load(at + SLOT_SECTION) & 1) === 1) tell('(in a section)')
      if ((words.load(at + SLOT_READING) & 1) === 1) tell('(in read(fn))')
      if (words.load(at + SLOT_TICKET) !== 0) tell('(with an open draft)')
      if (slotOfTag(words.load(LOCK_AT)) === slot) tell('(with the reclaim lock)')
    }
  }
}
