/**
 * `npm run acceptance`: ten seconds of load, 20 swaps of a configuration of a megabyte, 3 invalid
 * files, one worker killed in the middle of a request. Prints one JSON object; exits 1 if a request
 * failed, a response was not of exactly one version, or a swap did not arrive.
 *
 * `--torn` does it with a worker that is broken on purpose, and exits 1 if nothing notices.
 * `--thread` reads the files in a thread of their own.
 * `--compare` runs the same load without swaps and with them at a fixed rate, for the bench.
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { run } from './run.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    swaps: { type: 'string', default: '20' },
    rate: { type: 'string' },
    thread: { type: 'boolean', default: false },
    torn: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const swaps = Number(values.swaps)

if (values.compare) {
  const rate = Number(values.rate ?? 1_000)
  const calm = await run({ seconds, swaps: 0, invalid: 0, kill: false, rate })
  const swapped = { seconds, swaps, invalid: 0, kill: false, rate }
  const swapping = await run(swapped)
  const inThread = await run({ ...swapped, inThread: true })
  console.log(JSON.stringify({ rate, calm, swapping, inThread }))
} else if (values.torn) {
  const { requests, inconsistent, wrong } = await run({
    seconds,
    swaps,
    invalid: 0,
    kill: false,
    torn: true,
  })
  console.log(JSON.stringify({ requests, inconsistent, wrong: wrong[0] }))
  process.exitCode = inconsistent > 0 ? 0 : 1
} else {
  const result = await run({ seconds, swaps, invalid: 3, kill: true, inThread: values.thread })
  console.log(JSON.stringify(result))
  const wrong = complaints(result)
  for (const line of wrong) console.error(line)
  process.exitCode = wrong.length === 0 ? 0 : 1
}

function complaints(result) {
  const expected = {
    failed: 0,
    inconsistent: 0,
    version: swaps + 1,
    propagated: swaps,
  }
  const wrong = Object.entries(expected).filter(([key, value]) => result[key] !== value)
  const lines = wrong.map(([key, value]) => `${key} is ${result[key]}, not ${value}`)
  lines.push(...result.wrong)
  const { status, heldUp } = result.killed
  if (status !== 500) lines.push(`the killed worker's request got ${status}`)
  if (!heldUp) lines.push('propagated did not wait for the worker that was killed then')
  if (result.rejected.join() !== 'parse,validate,check') lines.push(`rejected: ${result.rejected}`)
  // A load that saw only the first version would prove nothing.
  if (result.versionsSeen < 3) lines.push(`only ${result.versionsSeen} versions were seen`)
  return lines
}
