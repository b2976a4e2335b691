/**
 * Files that are mounts of their own, as Kubernetes makes for `subPath`: such a mount shows the
 * file that was there when the container started, and never another one.
 */

import { readFile, realpath } from 'node:fs/promises'
import type { NamedFile } from './files.ts'

/** Warns of each file that is its own mount; knows Linux only. */
export async function warnOfMounts(named: readonly NamedFile[]): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  const mounts = mountPointsOf(table)
  for (const { file, path } of named) {
    const real = await realpath(path).catch(() => path)
    if (!mounts.has(path) && !mounts.has(real)) continue
    process.emitWarning(
      `${file} is a mount of its own (subPath?): a file that replaces it outside is not seen ` +
        'here. Mount its folder instead.',
      { type: 'RootswapWarning', code: 'ROOTSWAP_CONFIG_OWN_MOUNT' },
    )
  }
}

/** The fifth field of each line; spaces and the like are written in octal. */
export function mountPointsOf(table: string): Set<string> {
  const points = table.split('\n').map((line) => line.split(' ')[4] ?? '')
  const unescape = (point: string): string =>
    point.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))
  return new Set(points.filter((point) => point !== '').map(unescape))
}
