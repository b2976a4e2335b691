/**
 * The bytes of all files, as they were at one moment: read, then looked at again, and read anew
 * when anything about them has changed meanwhile.
 */

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readlink, realpath, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Text } from './formats.ts'
import { rejection, rejectionOf } from './rejection.ts'

/** A file by the name that the user gave and by its absolute path. */
export interface Source {
  readonly file: string
  readonly path: string
}

export interface Reading {
  readonly texts: readonly Text[]
  /** Of all names and bytes. */
  readonly hash: string
}

/** How often files that change while they are read are read, and the pause in between. */
const READS_MAX = 5
const PAUSE_MS = 20

const CHUNK_BYTES = 65_536

/** Throws a rejection. */
export async function readSources(
  sources: readonly Source[],
  maxFileBytes: number,
): Promise<Reading> {
  for (let reads = 0; reads < READS_MAX; reads++) {
    if (reads > 0) await sleep(PAUSE_MS)
    const before = await printOf(sources)
    const outcome = await readOnce(sources, maxFileBytes)
    if ((await printOf(sources)) !== before) continue
    if ('refused' in outcome) throw outcome.refused
    return { texts: outcome.texts, hash: hashOf(outcome.texts) }
  }
  const files = sources.map(({ file }) => file).join(', ')
  const message = `${files} kept changing while being read, ${READS_MAX} times`
  throw rejection('read', [{ message }])
}

/** Tells files apart by what the file system says about them, without reading them. */
export async function printOf(sources: readonly Source[]): Promise<string> {
  const prints = await Promise.all(
    sources.map(async ({ path }) => {
      try {
        const real = await realpath(path)
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(real, { bigint: true })
        return [real, dev, ino, size, mtimeNs, ctimeNs].join()
      } catch (error) {
        return codeOf(error)
      }
    }),
  )
  return prints.join('\n')
}

export function hashOf(texts: readonly Text[]): string {
  const hash = createHash('sha256')
  for (const { file, bytes } of texts) {
    hash.update(`${Buffer.byteLength(file)}:${file}${bytes.byteLength}:`).update(bytes)
  }
  return hash.digest('hex')
}

type Outcome = { readonly texts: readonly Text[] } | { readonly refused: unknown }

async function readOnce(sources: readonly Source[], maxFileBytes: number): Promise<Outcome> {
  const texts: Text[] = []
  for (const source of sources) {
    try {
      texts.push({ file: source.file, bytes: await readFile(source, maxFileBytes) })
    } catch (error) {
      return { refused: await refusal(source, error) }
    }
  }
  return { texts }
}

async function readFile({ file, path }: Source, maxFileBytes: number): Promise<Uint8Array> {
  // Opening a pipe would wait for its writer; for a regular file the flag means nothing.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const found = await handle.stat()
    const message = found.isDirectory() ? 'is a folder' : 'is not a regular file'
    if (!found.isFile()) throw rejection('read', [{ message, file }])
    const bytes = await readBounded(handle, found.size, maxFileBytes)
    if (bytes === undefined) throw rejection('read', [{ message: tooBig(maxFileBytes), file }])
    return bytes
  } finally {
    await handle.close()
  }
}

/** Undefined for more bytes than that. */
async function readBounded(
  handle: FileHandle,
  size: number,
  maxFileBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const chunkBytes = Math.min(Math.max(size + 1, CHUNK_BYTES), maxFileBytes + 1)
  for (;;) {
    if (Math.max(size, bytes) > maxFileBytes) return undefined
    const chunk = new Uint8Array(chunkBytes)
    const { bytesRead } = await handle.read(chunk, 0, chunkBytes) // bound: maxFileBytes
    if (bytesRead === 0) return Buffer.concat(chunks, bytes)
    chunks.push(chunk.subarray(0, bytesRead))
    bytes += bytesRead
  }
}

function tooBig(maxFileBytes: number): string {
  return `is larger than ${maxFileBytes} bytes, the limit that maxFileBytes sets`
}

async function refusal({ file, path }: Source, error: unknown): Promise<unknown> {
  const refuse = (message: string, unavailable = false): unknown =>
    rejection('read', [{ message, file }], unavailable)
  if (rejectionOf(error) !== undefined) return error
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR': {
      const target = await targetOf(path)
      if (target === undefined) return refuse('is not there', true)
      return refuse(`is a link to ${target}, which is not there`)
    }
    case 'ELOOP':
      return refuse('is a link that leads back to itself')
    case 'EACCES':
    case 'EPERM':
      return refuse('may not be read by this process: no permission')
    default:
      return refuse(`can not be read: ${codeOf(error)}`, true)
  }
}

/** Where a link leads; undefined for what is no link. */
async function targetOf(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? error)
}
