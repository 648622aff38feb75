// Many kept connections, on each of which the next POST leaves when the last one is answered. As lean as a client can be,
// since it shares the machine with what it measures: the request is made once, and of an answer only its length is read.

import { connect, type Socket } from 'node:net'
import { soon } from './processes.ts'

const SAMPLE_EVERY = 10
const HEAD_END = '\r\n\r\n'

export interface Flooded {
  readonly answers: number
  readonly seconds: number
  /** In milliseconds, of every tenth. */
  readonly latencies: readonly number[]
}

export class HttpFlood {
  private readonly sockets: Socket[] = []
  private readonly failed: Promise<never>
  private fail: (error: Error) => void = () => {}
  private latencies: number[] = []
  private answers = 0
  private over = false

  constructor() {
    this.failed = new Promise((_, reject) => {
      this.fail = reject
    })
    this.failed.catch(() => {})
  }

  /** From now on, over so many connections. */
  async start(url: URL, body: string, connections: number): Promise<void> {
    const head = [
      `POST ${url.pathname} HTTP/1.1`,
      `Host: ${url.host}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ]
    const request = Buffer.from(`${head.join('\r\n')}${HEAD_END}${body}`)
    for (let i = 0; i < connections; i++) this.sockets.push(this.open(url, request))
    const opened = this.sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve)))
    await soon(Promise.race([Promise.all(opened), this.failed]), 'all connections are open')
    for (const socket of this.sockets) socket.emit('next')
  }

  async within(ms: number): Promise<Flooded> {
    this.latencies = []
    const [before, at] = [this.answers, performance.now()]
    await Promise.race([new Promise((resolve) => setTimeout(resolve, ms)), this.failed])
    return {
      answers: this.answers - before,
      seconds: (performance.now() - at) / 1000,
      latencies: this.latencies,
    }
  }

  stop(): void {
    this.over = true
    for (const socket of this.sockets) socket.destroy()
  }

  private open(url: URL, request: Buffer): Socket {
    const socket = connect(Number(url.port), url.hostname)
    let text = ''
    let at = 0
    let sent = 0
    const next = (): void => {
      if (this.over) return
      if (sent++ % SAMPLE_EVERY === 0) at = performance.now()
      socket.write(request)
    }
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('next', next)
    socket.on('data', (part: string) => {
      text += part
      const headEnd = text.indexOf(HEAD_END)
      if (headEnd === -1) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
      if (!text.startsWith('HTTP/1.1 200 ') || Number.isNaN(length)) return this.fail(new Error(`answered: ${text}`))
      if (text.length < headEnd + HEAD_END.length + length) return
      text = ''
      this.answers++
      if (at > 0) this.latencies.push(performance.now() - at)
      at = 0
      next()
    })
    socket.on('error', (error) => this.over || this.fail(error))
    socket.on('close', () => this.over || this.fail(new Error('a connection was closed')))
    return socket
  }
}
