// A TCP proxy that can be told to misbehave: slow, cutting, or holding everything back. It stands between a replica and
// its NATS server, and between NATS servers. (Packages that do this are a client of a server written in Go, or cannot be
// changed while they run.)

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export type Manners =
  | { readonly type: 'pass' }
  /** Each piece waits so long, up to `jitterMs` longer, and those behind it with it. */
  | { readonly type: 'slow'; readonly delayMs: number; readonly jitterMs: number }
  /** Nothing moves, and nobody is told: what comes meanwhile bursts through afterwards. */
  | { readonly type: 'hold'; readonly direction: 'both' | 'there' | 'back' }
  /** No connection, and no new one. */
  | { readonly type: 'refuse' }

export class TcpProxy {
  readonly port: number
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private manners: Manners = { type: 'pass' }
  private changed: PromiseWithResolvers<void> = Promise.withResolvers()

  private constructor(server: Server) {
    this.server = server
    this.port = (server.address() as AddressInfo).port
  }

  static async open(host: string, targetPort: () => number): Promise<TcpProxy> {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    const proxy = new TcpProxy(server)
    server.on('connection', (client) => {
      if (proxy.manners.type === 'refuse') client.destroy()
      else proxy.join(client, connect(targetPort(), '127.0.0.1'))
    })
    return proxy
  }

  behave(manners: Manners): void {
    this.manners = manners
    if (manners.type === 'refuse') this.cut()
    this.changed.resolve()
    this.changed = Promise.withResolvers()
  }

  /** Ends all connections; new ones may come. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.server.close()
    this.behave({ type: 'refuse' })
    await once(this.server, 'close')
  }

  private join(client: Socket, target: Socket): void {
    for (const [from, to, direction] of [
      [client, target, 'there'],
      [target, client, 'back'],
    ] as const) {
      from.setNoDelay(true)
      this.sockets.add(from)
      from.once('close', () => this.sockets.delete(from))
      // Either end that is gone takes the other one with it.
      this.carry(from, to, direction)
        .catch(() => {})
        .finally(() => to.destroy())
    }
  }

  private holds(direction: 'there' | 'back'): boolean {
    const { manners } = this
    return manners.type === 'hold' && (manners.direction === 'both' || manners.direction === direction)
  }

  private async carry(from: Socket, to: Socket, direction: 'there' | 'back'): Promise<void> {
    for await (const piece of from) {
      while (this.holds(direction)) {
        // What was said before the end of a connection is lost with it.
        if (from.destroyed || to.destroyed) return
        await Promise.race([this.changed.promise, closed(from), closed(to)])
      }
      const { manners } = this
      if (manners.type === 'slow') await pause(manners.delayMs + Math.random() * manners.jitterMs)
      if (!to.write(piece as Uint8Array)) await Promise.race([once(to, 'drain'), closed(to)])
    }
  }
}

const closed = (socket: Socket): Promise<unknown> =>
  socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))
