/** What `rootswap demo fork` does: a parent here, a child in a worker thread, and a real image. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { AddressSpace, type PageState, type SpaceHandle } from '../../cow/space.ts'
import { Heap } from '../../store/heap.ts'
import { workerFile } from '../demo/files.ts'

const PAGE_BYTES = 4096
/** How long the parent waits for a child that goes first. */
const PATIENCE_MS = 5000
/** How long a child takes before it runs its program. */
export const CHILD_THINKS_MS = 10
/** Pages that each side writes for the picture, in one place. */
const RUN_PAGES = 0.12

export type WayName = 'copy everything' | 'fork' | 'fork, child first' | 'vfork'

/** One way to start a child that soon runs another program. */
export interface Way {
  readonly name: WayName
  readonly startMs: number
  readonly bytesCopied: number
  readonly pagesCopied: number
  /** From the start until the parent's writes were done. */
  readonly parentMs: number
  readonly totalMs: number
}

export interface ForkReport {
  readonly megabytes: number
  readonly pageBytes: number
  readonly ways: readonly Way[]
  readonly bytesChecked: number
  readonly problems: readonly string[]
}

export interface ForkView {
  said(text: string): void
  mapped(title: string, parent: readonly PageState[], child: readonly PageState[]): void
}

/** What the child's thread is told to do. */
export interface ChildTask {
  readonly handle: SpaceHandle
  readonly does: 'write' | 'exec'
  readonly pages: number
  /** It runs in its parent's pages. */
  readonly borrows: boolean
}

export interface ChildReport {
  readonly pagesCopied: number
  readonly states: readonly PageState[]
  readonly problem: string
}

interface Sizes {
  readonly megabytes: number
  readonly pages: number
}

export async function runForkDemo(sizes: Sizes, view: ForkView): Promise<ForkReport> {
  const bytes = sizes.megabytes * 2 ** 20
  // Two images, tables, and pages copied: what is reserved and not used costs nothing.
  const maxBytes = Math.ceil((bytes * 2.5 + 2 ** 26) / 65_536) * 65_536
  const heap = Heap.create({ maxBytes, maxThreads: 8, maxWaitMs: PATIENCE_MS })
  const demo = new ForkDemo(heap, sizes, view)
  const report = await demo.run()
  heap.close()
  return report
}

class ForkDemo {
  readonly #heap: Heap
  readonly #sizes: Sizes
  readonly #view: ForkView
  readonly #problems: string[] = []
  readonly #worker = new Worker(workerFile('demo-fork-child'))
  #checked = 0

  constructor(heap: Heap, sizes: Sizes, view: ForkView) {
    this.#heap = heap
    this.#sizes = sizes
    this.#view = view
  }

  async run(): Promise<ForkReport> {
    const { megabytes } = this.#sizes
    const empty = this.#heap.verify().liveBlocks
    const parent = this.#newParent()
    this.#view.said(
      `an image of ${megabytes} MB in ${parent.stats().pages.toLocaleString('en')} pages of ` +
        `${PAGE_BYTES} bytes; the child is in a thread of its own`,
    )
    this.#view.mapped('before the fork, all is the parent’s', parent.pages('data'), [])
    await this.#picture(parent)
    const ways: Way[] = []
    for (const name of ['copy everything', 'fork', 'fork, child first', 'vfork'] as const) {
      ways.push(await this.#start(parent, name))
    }
    parent.exit()
    await this.#worker.terminate()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const left = this.#heap.verify().liveBlocks - empty
    if (left !== 0) this.#problems.push(`${left} blocks leaked`)
    const [bytesChecked, problems] = [this.#checked, this.#problems]
    return { megabytes, pageBytes: PAGE_BYTES, ways, bytesChecked, problems }
  }

  #newParent(): AddressSpace {
    const data = new Uint8Array(this.#sizes.megabytes * 2 ** 20)
    for (let at = 0; at < data.length; at += PAGE_BYTES) {
      data.fill((at / PAGE_BYTES) & 0x7f, at, at + PAGE_BYTES)
    }
    const text = new TextEncoder().encode('the program')
    return AddressSpace.create(this.#heap, {
      pageBytes: PAGE_BYTES,
      segments: {
        text: { bytes: text, writable: false },
        data: { bytes: data },
        heap: { byteLength: 2 ** 20 },
        stack: { byteLength: 2 ** 16 },
      },
    })
  }

  /** Both sides write, each in a part of its own and one in common. */
  async #picture(parent: AddressSpace): Promise<void> {
    const child = parent.fork()
    this.#view.mapped('after the fork nothing is copied', parent.pages('data'), child.pages('data'))
    const total = (this.#sizes.megabytes * 2 ** 20) / PAGE_BYTES
    const pages = Math.ceil(total * RUN_PAGES)
    await this.#hand(child, { does: 'write', pages, borrows: false })
    this.#tell(true)
    this.#writePages(parent, Math.floor(total / 4), pages)
    const report = await this.#answer()
    const title = 'after both have written, each has copies of what it wrote, and only of that'
    this.#view.mapped(title, parent.pages('data'), report.states)
    this.#tell(undefined)
    this.#expectImage(parent, Math.floor(total / 4), pages)
  }

  async #start(parent: AddressSpace, name: WayName): Promise<Way> {
    const copiedBefore = parent.stats().pagesCopied
    const begin = performance.now()
    const child = this.#child(parent, name)
    const startMs = performance.now() - begin
    const whole = name === 'copy everything' ? child.stats().pages : 0
    await this.#hand(child, { does: 'exec', pages: 0, borrows: name === 'vfork' })
    const writing = performance.now()
    this.#tell(true)
    this.#writePages(parent, 0, this.#sizes.pages)
    const parentMs = startMs + performance.now() - writing
    const { pagesCopied } = await this.#answer()
    const totalMs = startMs + performance.now() - writing
    this.#tell(undefined)
    this.#expectImage(parent, 0, this.#sizes.pages)
    const copied = whole + pagesCopied + parent.stats().pagesCopied - copiedBefore
    const bytesCopied = copied * PAGE_BYTES
    return { name, startMs, bytesCopied, pagesCopied: copied, parentMs, totalMs }
  }

  #child(parent: AddressSpace, name: WayName): AddressSpace {
    if (name === 'vfork') return parent.vfork()
    if (name !== 'copy everything') return parent.fork({ childFirst: name === 'fork, child first' })
    const { address, byteLength } = parent.segment('data')
    const text = parent.segment('text')
    return AddressSpace.create(this.#heap, {
      pageBytes: PAGE_BYTES,
      segments: {
        text: { bytes: parent.read(text.address, text.byteLength), writable: false },
        data: { bytes: parent.read(address, byteLength) },
        heap: { byteLength: 2 ** 20 },
        stack: { byteLength: 2 ** 16 },
      },
    })
  }

  /** The child is the worker's alone: were it killed, its pages would come back. */
  async #hand(child: AddressSpace, task: Omit<ChildTask, 'handle'>): Promise<void> {
    const full: ChildTask = { ...task, handle: child.handle }
    this.#worker.postMessage(full)
    await once(this.#worker, 'message')
    child.release()
  }

  /** Go on; then: exit. */
  #tell(go: true | undefined): void {
    this.#worker.postMessage({ go })
  }

  async #answer(): Promise<ChildReport> {
    const [report] = (await once(this.#worker, 'message')) as [ChildReport]
    if (report.problem !== '') this.#problems.push(report.problem)
    return report
  }

  #writePages(space: AddressSpace, first: number, pages: number): void {
    const { address, byteLength } = space.segment('data')
    const mark = Uint8Array.of(0xee)
    const end = Math.min(first + pages, byteLength / PAGE_BYTES)
    for (let page = first; page < end; page++) space.write(address + page * PAGE_BYTES, mark)
  }

  /** Every hundredth page: what was written has the mark, the rest is as it began. */
  #expectImage(space: AddressSpace, first: number, pages: number): void {
    const { address, byteLength } = space.segment('data')
    for (let page = 0; page < byteLength / PAGE_BYTES; page += 97) {
      const found = space.read(address + page * PAGE_BYTES, PAGE_BYTES)
      this.#checked += PAGE_BYTES
      const inside = page >= first && page < first + pages
      const wanted = page & 0x7f
      const right = found.subarray(1).every((byte) => byte === wanted)
      if (!right || (inside && found[0] !== 0xee)) {
        this.#problems.push(`page ${page} of the parent is not as it should be`)
      }
    }
  }
}
