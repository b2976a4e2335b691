#!/usr/bin/env node
/** The command `rootswap`. */

import { availableParallelism } from 'node:os'
import { DEMO_HELP, type DemoCommand, demoCommand, parseDemo } from './demo/command.ts'

const HELP = `rootswap: one copy of read-mostly state for all worker threads

  rootswap demo [options]      shows it on real data; rootswap demo --help
  rootswap demo fork           what fork() copies; rootswap demo fork --help
  rootswap torture [options]   real threads use it as hard as they can; rootswap torture --help
  rootswap --help              print this
`

const OK = 0
const FAILED = 1
const WRONG_USAGE = 2

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') return print(HELP)
  if (name === 'demo') return args[0] === 'fork' ? forkDemo(args.slice(1)) : demo(args)
  if (name === 'torture') {
    const { runTorture } = await import('../torture/command.ts')
    return runTorture(args)
  }
  if (name === undefined) return complain(`no command given\n\n${HELP}`)
  return complain(`unknown command '${name}'; rootswap --help lists them`)
}

async function demo(args: string[]): Promise<number> {
  let command: DemoCommand | 'help'
  try {
    command = parseDemo(args, availableParallelism())
  } catch (error) {
    return complain(`${(error as Error).message}\nrootswap demo --help lists the options`)
  }
  if (command === 'help') return print(DEMO_HELP)
  const interrupt = new AbortController()
  const onSignal = (): void => interrupt.abort()
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  // Whoever reads the output has left, as `head` does.
  process.stdout.on('error', onSignal)
  try {
    return await demoCommand(command, interrupt.signal)
  } catch (error) {
    const { code, message, stack } = error as NodeJS.ErrnoException
    if (code === 'ERR_INVALID_ARGUMENT') return complain(message)
    process.stderr.write(`rootswap: the demo failed: ${stack ?? message}\n`)
    return FAILED
  }
}

async function forkDemo(args: string[]): Promise<number> {
  const { FORK_HELP, forkCommand, parseFork } = await import('./fork/command.ts')
  let command: ReturnType<typeof parseFork>
  try {
    command = parseFork(args)
  } catch (error) {
    return complain(`${(error as Error).message}\nrootswap demo fork --help lists the options`)
  }
  if (command === 'help') return print(FORK_HELP)
  try {
    return await forkCommand(command)
  } catch (error) {
    process.stderr.write(`rootswap: the demo failed: ${(error as Error).stack}\n`)
    return FAILED
  }
}

function print(text: string): number {
  process.stdout.write(text)
  return OK
}

function complain(message: string): number {
  process.stderr.write(`rootswap: ${message}\n`)
  return WRONG_USAGE
}
