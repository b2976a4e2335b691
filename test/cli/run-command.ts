/** Runs the built command as a user would, and says how it ended. */

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface CommandEnd {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

interface Surroundings {
  /** Gets the process after its first output. */
  readonly meanwhile?: (child: ChildProcess) => void
  readonly environment?: Readonly<Record<string, string>>
}

export function runCommand(
  args: readonly string[],
  { meanwhile = () => {}, environment = {} }: Surroundings = {},
): Promise<CommandEnd> {
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.once('data', () => meanwhile(child))
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, stdout, stderr }))
  })
}
