/**
 * `restoreStore`: a store from the files of earlier saves. The nodes are put into a new heap as
 * they were; nothing is parsed, and no value is made. A heap hashes strings from a seed of its own,
 * which is taken over from the file with them; into a heap that exists already the value is copied.
 */

import { RootswapError, typeError } from '../errors.ts'
import { keysOf, schemaOf, type StandardSchema } from '../config/schema.ts'
import type { Store } from '../store/contract.ts'
import { OpenHeap } from '../store/heap.ts'
import type { StoreOptions } from '../store/open.ts'
import type { OpenStore } from '../store/store.ts'
import { damaged, type FileHead } from './format.ts'
import { SavedFile } from './read.ts'
import { Rebuild } from './rebuild.ts'

const BYTES_USUAL = 2 ** 30
const BYTES_MAX = 2 ** 32 - 2 ** 16

export interface RestoreOptions extends StoreOptions {
  /** Validates the restored value (Standard Schema); what it returns is the value. */
  readonly schema?: StandardSchema
}

/**
 * A new store with the value of the newest file. `files` is one path, or the whole save first and
 * then those that were made since, in order. Its version is 1, or 2 where the schema changed it.
 *
 * Throws `ERR_CORRUPT_FILE` with `file`, `offset` and `reason` where a file is torn, damaged, or
 * not of one store with the others; `ERR_HEAP_FULL` where `maxBytes` is too small;
 * `ERR_INVALID_VALUE` where the schema refuses the value; what the file system says.
 */
export async function restoreStore<T>(
  files: string | readonly string[],
  options: RestoreOptions = {},
): Promise<Store<T>> {
  const { schema: given, heap, ...rest } = options
  const schema = schemaOf(given)
  const paths = pathsOf(files)
  // Named only where it stays: a name that is taken is found out before a value is copied.
  const store = await inNewHeap(paths, heap === undefined ? rest : sizesOf(rest))
  try {
    const value = await validated(store.current, schema)
    if (heap !== undefined) return heap.createStore(value, rest) as Store<T>
    if (value !== store.current) store.replace(value)
    return store as unknown as Store<T>
  } catch (error) {
    store.close()
    throw error
  } finally {
    if (heap !== undefined) store.close()
  }
}

async function inNewHeap(paths: readonly string[], options: StoreOptions) {
  const opened: SavedFile[] = []
  try {
    const heads: FileHead[] = []
    for (const path of paths) {
      const file = await SavedFile.open(path)
      opened.push(file)
      heads.push(await blaming(file, () => file.head()))
    }
    return await load(opened, heads, options)
  } finally {
    for (const file of opened) await file.close()
  }
}

async function load(
  files: readonly SavedFile[],
  heads: readonly FileHead[],
  options: StoreOptions,
): Promise<OpenStore> {
  const first = firstNeeded(files, heads)
  const newest = heads.at(-1) as FileHead
  const { seed } = newest
  const heap = OpenHeap.create({ ...options, maxBytes: roomFor(heads.slice(first), options) }, seed)
  let store: OpenStore | undefined
  try {
    store = await heap.buildStore(async (codec) => {
      const rebuild = new Rebuild(codec)
      rebuild.want(newest.root)
      for (let index = files.length - 1; index >= first; index--) {
        const file = files[index] as SavedFile
        await blaming(file, () => loadFile(file, rebuild))
      }
      return await blaming(files.at(-1) as SavedFile, () => rebuild.finish(newest.root))
    }, options)
    return store.ownHeap()
  } finally {
    if (store === undefined) heap.close()
  }
}

async function loadFile(file: SavedFile, rebuild: Rebuild): Promise<void> {
  rebuild.useShapes(await file.shapes())
  for await (const { words, at } of file.nodes()) rebuild.take(words, at)
}

/** The newest file that holds all; before it nothing is needed. Throws where they do not follow
 *  each other. */
function firstNeeded(files: readonly SavedFile[], heads: readonly FileHead[]): number {
  for (let index = heads.length - 1; index >= 0; index--) {
    const { since, store } = heads[index] as FileHead
    if (since === 0) return index
    const before = heads[index - 1]
    if (before?.store === store && before.version === since) continue
    const file = files[index] as SavedFile
    const reason = `it needs a file that ends with version ${since} before it`
    throw file.blame(damaged(0, reason))
  }
  return 0
}

/** What the nodes need and as much again, where that is more than the usual size. */
function roomFor(heads: readonly FileHead[], { maxBytes }: StoreOptions): number {
  if (maxBytes !== undefined) return maxBytes
  let words = 0
  for (const head of heads) words += head.words
  return Math.min(BYTES_MAX, Math.max(BYTES_USUAL, words * 8))
}

async function blaming<R>(file: SavedFile, act: () => R | Promise<R>): Promise<R> {
  try {
    return await act()
  } catch (error) {
    throw file.blame(error)
  }
}

async function validated(value: unknown, schema: StandardSchema | undefined): Promise<unknown> {
  if (schema === undefined) return value
  const result = await schema['~standard'].validate(value)
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(({ message, path }) => ({
    message,
    path: keysOf({ message, path }),
  }))
  const said = issues.map(({ message, path }) => `${path.join('.')}: ${message}`).join('; ')
  throw new RootswapError('ERR_INVALID_VALUE', `the restored value is not valid: ${said}`, {
    issues,
  })
}

function pathsOf(files: unknown): readonly string[] {
  const paths = typeof files === 'string' ? [files] : files
  const usable = (path: unknown): boolean => typeof path === 'string' && path !== ''
  if (Array.isArray(paths) && paths.length > 0 && paths.every(usable)) return paths
  throw typeError('ERR_INVALID_ARGUMENT', 'files must be a path, or a list of paths', {
    argument: 'files',
  })
}

/** Of the heap that the value passes through: it is not shared and has no name. */
function sizesOf({ maxBytes }: StoreOptions): StoreOptions {
  return maxBytes === undefined ? {} : { maxBytes }
}
