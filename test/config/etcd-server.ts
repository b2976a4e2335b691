/**
 * A real etcd on loopback, to be killed, stopped and compacted. The binary is Debian's package
 * etcd-server; the package etcd3 is installed by `.ci/run fetch` outside the tree, since it is too
 * large for the root. Where one of them is absent, `absent` says which.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach } from 'vitest'

const cache =
  process.env['ROOTSWAP_CI_CACHE'] ?? join(tmpdir(), `rootswap-ci-${process.getuid?.() ?? ''}`)
export const etcd3Folder = join(cache, 'etcd3', 'node_modules')

function whatIsAbsent(): string | undefined {
  try {
    execFileSync('etcd', ['--version'], { stdio: 'ignore' })
  } catch {
    return 'there is no etcd here: apt-get install etcd-server'
  }
  const isThere = existsSync(join(etcd3Folder, 'etcd3'))
  return isThere ? undefined : `there is no etcd3 in ${etcd3Folder}: .ci/run etcd`
}

export const absent = whatIsAbsent()

// As if it were installed beside this package: `require` looks there too.
process.env['NODE_PATH'] = etcd3Folder
;(Module as unknown as { _initPaths(): void })._initPaths()

interface Revised {
  readonly header: { readonly revision: string }
}

interface Committed extends Revised {
  readonly succeeded: boolean
  readonly responses: readonly {
    readonly response_range?: { readonly kvs: readonly { readonly mod_revision: string }[] }
  }[]
}

/** Of the package etcd3, what tests write with. */
export interface Writer {
  readonly kv: {
    put(request: object): Promise<Revised>
    deleteRange(request: object): Promise<Revised>
    txn(request: object): Promise<Committed>
    compact(request: object): Promise<unknown>
  }
  readonly auth: Record<string, (request?: object) => Promise<unknown>>
  close(): void
}

/** Arguments that make time pass quickly. */
const hasty = [
  '--grpc-keepalive-min-time=50ms',
  '--heartbeat-interval=20',
  '--election-timeout=200',
]

/** Where members listen for each other: no port here is one that clients were given. */
const PEERS = '127.0.0.2'

const running: EtcdServer[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.end()
})

export class EtcdServer {
  readonly host: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'rootswap-etcd-'))
  readonly #arguments: readonly string[]
  #child: ChildProcess | undefined
  #writer: Writer | undefined

  private constructor(port: number, peers: readonly string[]) {
    this.host = `http://127.0.0.1:${port}`
    const urls = ['--listen-client-urls', this.host, '--advertise-client-urls', this.host]
    const quick = ['--unsafe-no-fsync', '--logger=zap', '--log-level=error', ...hasty]
    this.#arguments = [...urls, ...peers, ...quick]
    running.push(this)
  }

  /** Resolves when it answers; ended after the test. */
  static async start(): Promise<EtcdServer> {
    const server = new EtcdServer(await freePort(), ['--listen-peer-urls', `http://${PEERS}:0`])
    await server.start()
    return server
  }

  /** One store of several members. */
  static async cluster(count: number): Promise<EtcdServer[]> {
    const ports = await Promise.all(Array.from({ length: count }, () => freePort()))
    const peers = await Promise.all(Array.from({ length: count }, () => freePort(PEERS)))
    const urls = peers.map((port) => `http://${PEERS}:${port}`)
    const initial = urls.map((url, index) => `m${index}=${url}`).join()
    const servers = ports.map((port, index) => {
      const url = urls[index] as string
      const listening = ['--listen-peer-urls', url, '--initial-advertise-peer-urls', url]
      const among = ['--name', `m${index}`, '--initial-cluster', initial]
      return new EtcdServer(port, [...listening, ...among])
    })
    await Promise.all(servers.map(async (server) => await server.start()))
    return servers
  }

  /** A client of its own for the test. */
  get writer(): Writer {
    this.#writer ??= newWriter(this.host)
    return this.#writer
  }

  /** The next request is made by another client, which has not learnt to wait. */
  forget(): void {
    this.#writer?.close()
    this.#writer = undefined
  }

  async start(): Promise<void> {
    let child = this.#spawn()
    for (let attempt = 0; attempt < 1200; attempt++) {
      // Its port may be taken for a moment, by a connection of another process.
      if (child.exitCode !== null) child = this.#spawn()
      const health = await fetch(`${this.host}/health`).catch(() => undefined)
      if (health?.ok === true && (await health.text()).includes('true')) return
      await sleep(50)
    }
    throw new RangeError(`etcd at ${this.host} does not answer`)
  }

  #spawn(): ChildProcess {
    const data = ['--data-dir', join(this.#folder, 'data')]
    this.#child = spawn('etcd', [...data, ...this.#arguments], { stdio: 'ignore' })
    return this.#child
  }

  /** As by a power cut; the data stays. */
  async kill(): Promise<void> {
    this.forget()
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** Another store altogether comes next. */
  async wipe(): Promise<void> {
    await this.kill()
    rmSync(join(this.#folder, 'data'), { recursive: true, force: true })
  }

  /** It hangs: connections stay, answers do not come. */
  hang(): void {
    this.#child?.kill('SIGSTOP')
  }

  goOn(): void {
    this.#child?.kill('SIGCONT')
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async put(key: string, value: unknown): Promise<number> {
    const request = { key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)) }
    return Number((await this.writer.kv.put(request)).header.revision)
  }

  async delete(key: string): Promise<number> {
    const { header } = await this.writer.kv.deleteRange({ key: Buffer.from(key) })
    return Number(header.revision)
  }

  /** How many requests of a kind it was sent since it was started: 'Range', 'Watch'. */
  async requests(method: string): Promise<number> {
    const metrics = await (await fetch(`${this.host}/metrics`)).text()
    const line = new RegExp(
      `^grpc_server_started_total\\{.*grpc_method="${method}".*\\} (.*)$`,
      'm',
    )
    return Number(line.exec(metrics)?.[1] ?? 0)
  }

  async compact(revision: number): Promise<void> {
    await this.writer.kv.compact({ revision: String(revision), physical: true })
  }
}

export function newWriter(host: string, options: object = {}): Writer {
  const require = createRequire(import.meta.url)
  const { Etcd3 } = require('etcd3') as { Etcd3: new (options: object) => Writer }
  const grpcOptions = { 'grpc.use_local_subchannel_pool': 1 }
  const once = { execute: async (call: (context: object) => unknown) => await call({}) }
  const faultHandling = { host: () => once, global: once }
  return new Etcd3({ hosts: host, grpcOptions, faultHandling, ...options })
}

export async function freePort(address = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
