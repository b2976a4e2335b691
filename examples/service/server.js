/** `npm start [FILE…]`: serves on PORT (3000) and follows the files, by default app.json. */
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { createService } from './service.js'

const given = process.argv.slice(2)
const files = given.length > 0 ? given : [fileURLToPath(new URL('./app.json', import.meta.url))]
const { app } = await createService({ files, logger: true })
await app.listen({ port: Number(process.env.PORT ?? 3000), host: process.env.HOST ?? '127.0.0.1' })
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
