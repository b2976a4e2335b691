/**
 * `saveSnapshot`: one version of a store into a file, by a helper thread, while readers and
 * writers go on. The idea is that of a database that forks to save: here the copy-on-write is the
 * store's own, so nothing is copied and nothing stops.
 *
 * What the calling thread does: it leases the version, starts the helper, and lets the lease go
 * when the helper is gone. A helper thread ends before its creator does, so the memory that it
 * reads stays. It may be ended anywhere but between its decision to commit and its answer; if it
 * ends by itself, for want of memory say, what it left is removed here.
 */

import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { rangeError, RootswapError, typeError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import { openStore } from '../store/open.ts'
import type { HeldVersion, OpenStore } from '../store/store.ts'
import { signalOf } from '../store/wait-arguments.ts'
import { Decision } from './decision.ts'
import type { Job, Progress } from './dump.ts'
import { removeUnfinished } from './durable.ts'
import { FILE_FORMAT } from './format.ts'

export interface SaveOptions {
  /** Only what was born after this version, which an earlier file has: restore both. */
  readonly since?: number
  /** Stops the save; the file stays as it was. Too late for that, the save succeeds. */
  readonly signal?: AbortSignal
  /** Called in the calling thread, now and then. */
  readonly onProgress?: (progress: Progress) => void
}

export interface Saved {
  /** Absolute. */
  readonly file: string
  /** The version in the file. */
  readonly version: number
  /** What the file leaves out: nodes up to this version; 0 where it holds all. A save since a
   *  version before an `adopt` or `rollback` holds all. */
  readonly since: number
  readonly nodes: number
  readonly bytes: number
}

export interface FilePlan {
  readonly file: string
  /** Earlier files that are kept as `file.1` … */
  readonly keep: number
}

type Answer = { readonly progress: Progress } | { readonly done: Progress } | Failure

interface Failure {
  readonly failed: { readonly message: string; readonly code?: string; readonly syscall?: string }
}

/**
 * Writes the newest version of a store to `file`: complete under that name, or not there. Resolves
 * when file and folder are on disk. Throws `ERR_SAVE_FAILED` with what the file system said (as
 * `reason`, such as `ENOSPC`); the earlier file is untouched then.
 */
export async function saveSnapshot<T>(
  store: Store<T>,
  file: string,
  options: SaveOptions = {},
): Promise<Saved> {
  if (typeof file !== 'string' || file === '') {
    throw typeError('ERR_INVALID_ARGUMENT', 'file must be a path', { argument: 'file' })
  }
  return await save(store, { file: resolve(file), keep: 0 }, options)
}

/** As `saveSnapshot`, with what `autosave` needs besides. */
export async function save<T>(
  store: Store<T>,
  plan: FilePlan,
  options: SaveOptions,
): Promise<Saved> {
  const signal = signalOf(options)
  signal?.throwIfAborted()
  void store.version // throws where the store is closed
  // Of this copy of the package, whichever made `store`.
  const own = openStore(store.handle) as unknown as OpenStore
  let version: HeldVersion | undefined
  try {
    version = own.hold()
    const since = sinceOf(options.since, version)
    const job = jobOf(own, version, since, plan)
    const { nodes, bytes } = await run(job, options, signal)
    return { file: plan.file, version: version.number, since, nodes, bytes }
  } finally {
    version?.release()
    own.close()
  }
}

function sinceOf(since: number | undefined, version: HeldVersion): number {
  if (since === undefined) return 0
  if (!Number.isInteger(since) || since < 1 || since > version.number) {
    throw rangeError(
      `since is ${since}; it must be a version that was saved, 1 to ${version.number}`,
      { argument: 'since', value: since },
    )
  }
  // Birth words are compared by their difference: of 2^30 versions they say nothing any more.
  const tooOld = since < version.lineBegan || version.number - since >= 2 ** 30
  return tooOld ? 0 : since
}

type JobPlan = Omit<Job, 'decision'>

function jobOf(store: OpenStore, version: HeldVersion, since: number, plan: FilePlan): JobPlan {
  const { buffer, identity, generation, store: cell } = store.handle
  return {
    buffer,
    file: plan.file,
    keep: plan.keep,
    head: {
      format: FILE_FORMAT,
      store: `${identity.join(':')}:${cell}:${generation}`,
      version: version.number,
      since,
      root: version.root,
      seed: identity[0],
      savedAt: new Date().toISOString(),
    },
  }
}

async function run(
  plan: JobPlan,
  { onProgress }: SaveOptions,
  signal: AbortSignal | undefined,
): Promise<Progress> {
  const decision = new Decision()
  const job = { ...plan, decision: decision.buffer }
  const worker = startHelper(job)
  const { threadId } = worker
  let answer: { readonly done: Progress } | Failure | undefined
  let failure: unknown
  let callbackError: { readonly error: unknown } | undefined
  let stopped = false
  const stop = (): void => {
    if (!decision.stops()) return
    stopped = true
    void worker.terminate()
  }
  worker.on('message', (message: Answer) => {
    if (!('progress' in message)) answer = message
    else if (callbackError === undefined) {
      try {
        onProgress?.(message.progress)
      } catch (error) {
        callbackError = { error }
        stop()
      }
    }
  })
  worker.on('error', (error) => {
    failure = error
  })
  signal?.addEventListener('abort', stop, { once: true })
  // Comes after an 'error' too, which is not a reason to wait no longer.
  await new Promise((resolve) => worker.once('exit', resolve))
  signal?.removeEventListener('abort', stop)
  if (answer === undefined) removeUnfinished(job.file, threadId)
  if (callbackError !== undefined) throw callbackError.error
  if (stopped) throw signal?.reason
  if (answer !== undefined && 'done' in answer) return answer.done
  throw failed(job, answer, failure)
}

function startHelper(job: Job): Worker {
  try {
    return new Worker(workerFile(), {
      workerData: job,
      name: 'rootswap save',
      // Not the options of the program: the helper needs none of them.
      execArgv: [],
    })
  } catch (error) {
    throw failed(job, undefined, error) // no thread, or no memory, to be had
  }
}

/** Built code runs built workers. From the sources, which only tests run, the built ones too. */
function workerFile(): URL {
  const built = import.meta.url.endsWith('.ts') ? '../../dist/workers/' : '../../workers/'
  return new URL(`${built}save-snapshot.js`, import.meta.url)
}

function failed(job: Job, answer: Failure | undefined, failure: unknown): RootswapError {
  const said = answer?.failed
  const message = said?.message ?? (failure instanceof Error ? failure.message : 'it was stopped')
  const reason = said?.code ?? (failure as { code?: string } | undefined)?.code
  return new RootswapError(
    'ERR_SAVE_FAILED',
    `version ${job.head.version} was not saved to ${job.file}: ${message}`,
    { file: job.file, version: job.head.version, reason },
  )
}
