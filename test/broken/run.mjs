/** Node 20 strips no types: Vite loads what is written in TypeScript. */
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const file = fileURLToPath(new URL('./main.ts', import.meta.url))
const { module } = await runnerImport(file, { configFile: false, logLevel: 'silent' })
await module.main()
