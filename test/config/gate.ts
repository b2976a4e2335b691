/** A way to a server that can be shut: the connections through it break. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach } from 'vitest'

const gates: Gate[] = []
afterEach(() => {
  for (const gate of gates.splice(0)) gate.close()
})

export class Gate {
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  #server: Server
  #port = 0

  private constructor(target: number) {
    this.#target = target
    this.#server = this.#make()
  }

  /** To a server at an address such as `http://127.0.0.1:2379`; shut after the test. */
  static async open(host: string): Promise<Gate> {
    const gate = new Gate(Number(new URL(host).port))
    gates.push(gate)
    await gate.reopen()
    return gate
  }

  get host(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The connections break; new ones are let through. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  async reopen(): Promise<void> {
    this.#server = this.#make().listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as { port: number }).port
  }

  #make(): Server {
    return createServer((near) => {
      const far = connect(this.#target, '127.0.0.1')
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) // prettier-ignore
      {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          other.destroy()
        })
        socket.pipe(other)
      }
    })
  }
}
