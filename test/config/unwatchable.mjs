/** A process that may read a file, but not list its folder, which watching needs. */
import { chmodSync } from 'node:fs'
import { dirname } from 'node:path'
import { watchConfig } from '../../dist/src/config.js'

const file = process.argv[2]
const options = { files: [file], debounceMs: 20, pollMs: 20, store: { maxBytes: 2 ** 22 } }
;(await watchConfig(options)).close()
chmodSync(dirname(file), 0o311)
// Root may watch everything.
if (process.getuid() === 0) {
  process.setgid(65_534)
  process.setuid(65_534)
}
process.on('warning', ({ code }) => console.log(code))
const config = await watchConfig(options)
const stay = setInterval(() => {}, 1000)
config.on('reloaded', ({ reason }) => {
  console.log(reason, JSON.stringify(config.current))
  config.close()
  clearInterval(stay)
})
setImmediate(() => console.log('ready'))
