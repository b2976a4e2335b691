/** A process that may not read a file which it read before. */
import { chmodSync } from 'node:fs'
import { watchConfig } from '../../dist/src/config.js'

const file = process.argv[2]
const config = await watchConfig({ files: [file], pollMs: 0, store: { maxBytes: 2 ** 22 } })
chmodSync(file, 0)
// Root may read everything.
if (process.getuid() === 0) {
  process.setgid(65_534)
  process.setuid(65_534)
}
const { stage, message } = await config.reload()
console.log(`${stage}: ${message}`)
