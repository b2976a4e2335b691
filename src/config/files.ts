/**
 * The bytes of all files, as they were at one moment: read, then looked at again, and read anew
 * when anything about them has changed meanwhile.
 */

import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, lstat, open, readlink, realpath, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Text } from './text.ts'
import { rejection, rejectionOf } from './rejection.ts'

/** A file by the name that the user gave and by its absolute path. */
export interface NamedFile {
  readonly file: string
  readonly path: string
}

/** How often files that change while they are read are read, and the pause in between. */
const READS_MAX = 5
const PAUSE_MS = 20

const CHUNK_BYTES = 65_536

/** Throws a rejection. */
export async function readFiles(
  named: readonly NamedFile[],
  maxFileBytes: number,
): Promise<readonly Text[]> {
  for (let reads = 0; reads < READS_MAX; reads++) {
    if (reads > 0) await sleep(PAUSE_MS)
    const before = await printsOf(named)
    const outcome = await readOnce(named, maxFileBytes)
    if ((await printOf(named)) !== printed(before)) continue
    // A link may have led elsewhere meanwhile, and back again.
    if (outcome.identities.some((identity, at) => identity !== before[at]?.identity)) continue
    if ('refused' in outcome) throw outcome.refused
    return outcome.texts
  }
  const files = named.map(({ file }) => file).join(', ')
  const message = `${files} kept changing while being read, ${READS_MAX} times`
  throw rejection('read', [{ message }])
}

/** Tells files apart by what the file system says about them, without reading them. */
export async function printOf(named: readonly NamedFile[]): Promise<string> {
  return printed(await printsOf(named))
}

function printed(prints: readonly Print[]): string {
  return prints.map(({ print }) => print).join('\n')
}

interface Print {
  readonly print: string
  /** Undefined for what is not there. */
  readonly identity: string | undefined
}

async function printsOf(named: readonly NamedFile[]): Promise<Print[]> {
  return await Promise.all(
    named.map(async ({ path }) => {
      try {
        const real = await realpath(path)
        const found = await stat(real, { bigint: true })
        const { size, mtimeNs, ctimeNs } = found
        const identity = identityOf(found)
        return { print: [real, identity, size, mtimeNs, ctimeNs].join(), identity }
      } catch (error) {
        return { print: codeOf(error), identity: undefined }
      }
    }),
  )
}

/** Which file it is, by whatever path. Not by its device on Windows, where libuv before 1.51 says
 *  another one of a path than of a handle. */
function identityOf({ dev, ino }: BigIntStats): string {
  return process.platform === 'win32' ? `${ino}` : `${dev},${ino}`
}

/** `identities` are of the files that were opened, in their order, up to one that was refused. */
type Outcome = { readonly identities: readonly string[] } & (
  { readonly texts: readonly Text[] } | { readonly refused: unknown }
)

async function readOnce(named: readonly NamedFile[], maxFileBytes: number): Promise<Outcome> {
  const texts: Text[] = []
  const identities: string[] = []
  const opened = (found: BigIntStats): void => void identities.push(identityOf(found))
  for (const one of named) {
    try {
      texts.push({ file: one.file, bytes: await readFile(one, maxFileBytes, opened) })
    } catch (error) {
      return { identities, refused: await refusal(one, error) }
    }
  }
  return { identities, texts }
}

async function readFile(
  { file, path }: NamedFile,
  maxFileBytes: number,
  opened: (found: BigIntStats) => void,
): Promise<Uint8Array> {
  // Opening a pipe would wait for its writer; for a regular file the flag means nothing.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const found = await handle.stat({ bigint: true })
    opened(found)
    const message = found.isDirectory() ? 'is a folder' : 'is not a regular file'
    if (!found.isFile()) throw rejection('read', [{ message, file }])
    const bytes = await readBounded(handle, Number(found.size), maxFileBytes)
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

async function refusal({ file, path }: NamedFile, error: unknown): Promise<unknown> {
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
