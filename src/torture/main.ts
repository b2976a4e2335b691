/** `npm run torture`. */

import { runTorture } from './command.ts'

process.exitCode = await runTorture(process.argv.slice(2))
