/** What needs a process of its own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { mountPointsOf } from '../../src/config/mounts.ts'
import { Stage } from './stage.ts'

const dist = fileURLToPath(new URL('../../dist/src/', import.meta.url))
const entry = (folder: string): string => pathToFileURL(`${folder}/config.js`).href

/** A program that uses the built package; prints what it logs. */
function program(text: string, folder = dist): string[] {
  const script = `import { watchConfig } from '${entry(folder)}'
const options = { debounceMs: 20, pollMs: 0, store: { maxBytes: 2 ** 22 } }
${text}`
  return ['--input-type=module', '--eval', script]
}

describe('a format whose package is not installed', () => {
  test.each([
    ['a.json', 'jsonc-parser'],
    ['a.yaml', 'yaml'],
    ['a.toml', 'smol-toml'],
  ])('is an error that says what to install (%s)', (name, missing) => {
    const stage = new Stage()
    stage.write('package.json', '{"type": "module"}')
    cpSync(dist, stage.at('dist'), { recursive: true })
    const text = `await watchConfig({ ...options, files: ['${name}'] }).catch((error) =>
      console.log([error.code, error.missing, error.message].join('|')))`
    const said = execFileSync(process.execPath, program(text, stage.at('dist')), {
      cwd: stage.folder,
      encoding: 'utf8',
    })
    expect(said).toMatch(`ERR_INVALID_ARGUMENT|${missing}|`)
    expect(said).toMatch(`npm install ${missing}`)
  })
})

test('etcd without its package is an error that says what to install', () => {
  const stage = new Stage()
  stage.write('package.json', '{"type": "module"}')
  cpSync(dist, stage.at('dist'), { recursive: true })
  const script = `import { etcd } from '${pathToFileURL(stage.at('dist/config-etcd.js')).href}'
    try { etcd({ hosts: 'http://127.0.0.1:1', prefix: '/app/' }) }
    catch (error) { console.log([error.code, error.missing, error.message].join('|')) }`
  const said = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: stage.folder,
    encoding: 'utf8',
  })
  expect(said).toMatch('ERR_INVALID_ARGUMENT|etcd3|')
  expect(said).toMatch('npm install etcd3')
})

describe('a process', () => {
  test('is not kept alive by a configuration that is watched', () => {
    const file = new Stage().write('a.json', '{"n": 1}')
    const text = `const config = await watchConfig({ ...options, pollMs: 10, files: ['${file}'] })
      console.log(config.version)`
    const { stdout, status } = spawnSync(process.execPath, program(text), { encoding: 'utf8' })
    expect([stdout, status]).toEqual(['1\n', 0])
  })

  test('that gets SIGHUP reloads, and after close it ends', async () => {
    const stage = new Stage()
    const file = stage.write('a.json', '{"n": "${N}"}')
    const text = `process.env.N = '1'
      const config = await watchConfig({ ...options, files: ['${file}'], sighup: true })
      const stay = setInterval(() => {}, 1000)
      config.on('reloaded', ({ reason }) => {
        console.log(reason, JSON.stringify(config.current))
        config.close()
        console.log(process.listenerCount('SIGHUP'))
        clearInterval(stay)
      })
      process.env.N = '2'
      console.log('ready')`
    const child = spawn(process.execPath, program(text), { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString()
      if (said === 'ready\n') child.kill('SIGHUP')
    })
    const [status] = (await once(child, 'close')) as [number]
    expect([said, status]).toEqual(['ready\nsignal {"n":"2"}\n0\n', 0])
  })

  test('is told that signals come to the main thread only', async () => {
    const file = new Stage().write('a.json', '{}')
    const text = `import('${entry(dist)}').then(({ watchConfig }) =>
      watchConfig({ files: [${JSON.stringify(file)}], sighup: true })).catch((error) =>
      require('node:worker_threads').parentPort.postMessage([error.name, error.argument]))`
    const worker = new Worker(text, { eval: true })
    expect(await once(worker, 'message')).toEqual([['TypeError', 'sighup']])
    await worker.terminate()
  })
})

test('a folder that may not be watched is warned about, and polled', async () => {
  const stage = new Stage()
  const file = stage.write('a.json', '{"n": 1}')
  const script = fileURLToPath(new URL('unwatchable.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (line === 'ready') stage.write('a.json', '{"n": 2}')
  }
  expect(lines).toEqual(['ROOTSWAP_CONFIG_NOT_WATCHED', 'ready', 'changed {"n":2}'])
})

describe('a file that is a mount of its own', () => {
  test('is found among the mounts, whatever its name', () => {
    const table = readFileSync('/proc/self/mountinfo', 'utf8')
    expect(mountPointsOf(table)).toContain('/proc')
    const line = '36 35 98:0 /m1 /etc/with\\040space/a.yaml rw,noatime - ext3 /dev/root rw'
    expect([...mountPointsOf(`${line}\n`)]).toEqual(['/etc/with space/a.yaml'])
  })

  test('is warned about, once; a mounted folder is not', (context) => {
    const stage = new Stage()
    const inside = stage.write('mounted/b.json', '{"m": 1}')
    const file = stage.write('a.json', '{"n": 1}')
    stage.write('real.json', '{"n": 2}')
    stage.write('folder/b.json', '{"m": 2}')
    const mount = `mount --bind '${stage.at('real.json')}' '${file}' && \
      mount --bind '${stage.at('folder')}' '${stage.at('mounted')}'`
    const text = `process.on('warning', ({ code, message }) => console.log(code, message))
      const config = await watchConfig({ ...options, files: ['${file}', '${inside}'] })
      console.log(JSON.stringify(config.current))`
    const unshare = (run: string, args: string[] = []) =>
      spawnSync('unshare', ['-m', 'sh', '-c', run, 'sh', ...args], { encoding: 'utf8' })
    if (unshare(mount).status !== 0) {
      console.log('skipped: this user may not mount in a namespace of its own')
      return context.skip()
    }
    const args = [process.execPath, ...program(text)]
    const { stdout, stderr } = unshare(`${mount} && exec "$@"`, args)
    expect(stderr).not.toContain('Error')
    const warnings = stdout.split('\n').filter((line) => line.startsWith('ROOTSWAP'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^ROOTSWAP_CONFIG_OWN_MOUNT .*a\.json is a mount of its own/)
    expect(stdout).toContain('{"n":2,"m":2}')
  })
})
