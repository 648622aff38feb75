// How the client's bytes come and go over a connection without TLS. The client's own transport reads 64 KiB at a time,
// each into fresh memory, puts together in more of it what came in two reads, and joins in still more what is written:
// of a full slot each byte is copied five times, and fresh memory costs more than the copies. Here bytes are read into
// one of two buffers that are used again and again, handed to the client in whole operations of its protocol, and
// datagrams are written as they are. (https://docs.nats.io/reference/reference-protocols/nats-protocol)

import assert from 'node:assert'
import { createConnection, type Socket } from 'node:net'
import {
  type ConnectionOptions,
  type NatsConnection,
  NatsConnectionImpl,
  type ServerInfo,
  setTransportFactory,
} from 'nats'
import { NodeTransport, nodeResolveHost } from 'nats/lib/node_transport.js'

/**
 * Read at once, at most; a buffer grows to the largest operation that came. Both are to fit into a core's own cache, where
 * what the kernel writes is read from again at once: of 512 KiB, a flooded group was a tenth slower.
 */
const READ_BYTES = 128 * 1024

/** The most that a server can be configured to carry, and an operation's first line. */
const OPERATION_BYTES_MAX = 64 * 1024 * 1024 + 64 * 1024

/** A smaller datagram is written in one piece with what goes before it: cheaper than pieces. */
const OWN_PIECE_BYTES = 4096

const LINE_END = Buffer.from('\r\n')
const SPACE = 0x20
const [ZERO, NINE] = [0x30, 0x39]
/** What makes letters of four bytes small, and "msg " and "hmsg". */
const LOWER_CASE = 0x20202020
const MSG = 0x6d736720
const HMSG = 0x686d7367
/** "MSG s 1 0" and two ends of lines. */
const LEAST_MESSAGE_BYTES = 13

export interface Connected {
  readonly connection: NatsConnection
  /** Sends a message. It leaves at once, and its bytes must not be changed afterwards. */
  publish(subject: string, data: Uint8Array): void
}

/**
 * A connection whose messages lie in buffers that are used again: their `data` is there only while their subscription's
 * callback runs. Every subscription must have one.
 */
export async function connectInPlace(options: ConnectionOptions): Promise<Connected> {
  // One for each address of the name: the client goes on to the next when one does not answer.
  setTransportFactory({ factory: () => new InPlaceTransport(), dnsResolveFn: nodeResolveHost })
  const connection = await NatsConnectionImpl.connect(options)
  const { transport } = (connection as NatsConnectionImpl).protocol
  assert(transport instanceof InPlaceTransport, 'nobody else connects while the address is looked up')
  return { connection, publish: (subject, data) => transport.publish(subject, data) }
}

class InPlaceTransport extends NodeTransport {
  /** Read into; it begins with the operation that is not whole yet, of so many bytes. */
  private buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  private unfinished = 0
  /** The one before, of which something may be untaken. */
  private other = Buffer.allocUnsafeSlow(READ_BYTES)
  private untaken = 0
  private greeted: ((line: string) => void) | undefined

  publish(subject: string, data: Uint8Array): void {
    const { socket } = this
    // Its type does not say that it is gone when the connection is.
    if ((socket as Socket | undefined) === undefined || socket.destroyed) return
    const head = `PUB ${subject} ${data.length}\r\n`
    if (data.length < OWN_PIECE_BYTES) {
      const whole = Buffer.allocUnsafe(head.length + data.length + LINE_END.length)
      whole.write(head, 'latin1')
      whole.set(data, head.length)
      whole.set(LINE_END, head.length + data.length)
      socket.write(whole)
    } else {
      socket.cork()
      socket.write(Buffer.from(head, 'latin1'))
      socket.write(data)
      socket.write(LINE_END)
      socket.uncork()
    }
  }

  override dial({ hostname: host, port }: { hostname: string; port: number }): Promise<Socket> {
    const onread = {
      buffer: () => this.buffer.subarray(this.unfinished),
      callback: (bytes: number) => this.onRead(this.unfinished + bytes),
    }
    const socket = createConnection({ host, port, noDelay: true, onread })
    return untilClosed(socket, (resolve) => socket.once('connect', () => resolve(socket)))
  }

  override async peekInfo(): Promise<ServerInfo> {
    const { socket } = this
    const greeting = await untilClosed<string>(socket, (resolve) => {
      this.greeted = resolve
      socket.resume()
    })
    return JSON.parse(greeting.slice('INFO '.length)) as ServerInfo
  }

  /** As the client goes on to the next, it has done with the one before. */
  override async *iterate(): AsyncIterableIterator<Uint8Array> {
    try {
      for await (const operations of super.iterate()) {
        yield operations
        this.untaken--
      }
    } finally {
      // The client does not read on after what it does not understand, and would be deaf.
      if (!this.done) this.socket.destroy(notNats())
    }
  }

  /** `end`: of what is in the buffer now. Whether to read on. */
  private onRead(end: number): boolean {
    const { buffer } = this
    let whole = 0
    let next = operationBytes(buffer, 0, end)
    while (next > 0 && whole + next <= end) {
      whole += next
      next = operationBytes(buffer, whole, end)
    }
    const unfinished = end - whole
    if (!(next >= 0 && next <= OPERATION_BYTES_MAX) || (next === 0 && unfinished >= READ_BYTES)) {
      this.socket.destroy(notNats())
      return false
    }
    this.unfinished = unfinished
    if (whole === 0 && end < buffer.length) return true
    // The client takes what it is handed before anything else is read. It would have to keep to itself to be still at it.
    const { other } = this
    const free = this.untaken === 0 && next <= other.length
    this.buffer = free ? other : Buffer.allocUnsafeSlow(Math.max(next, READ_BYTES))
    buffer.copy(this.buffer, 0, whole, end)
    this.other = buffer
    if (whole > 0) this.handOn(buffer.subarray(0, whole))
    return true
  }

  private handOn(operations: Buffer): void {
    this.untaken++
    this.yields.push(operations)
    this.signal.resolve()
    this.greeted?.(operations.toString('utf8', 0, operations.indexOf(LINE_END)))
    this.greeted = undefined
  }
}

function notNats(): Error {
  return new Error('does not speak NATS')
}

/** Rejects when the socket closes before. */
function untilClosed<T>(socket: Socket, begin: (resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let why = new Error('closed the connection at once')
    socket.once('error', (error) => {
      why = error
    })
    socket.once('close', () => reject(why))
    begin((value) => {
      socket.removeAllListeners()
      resolve(value)
    })
  })
}

/** Of the operation that begins at `at`; 0: its first line is not whole yet; NaN: it is none. */
function operationBytes(buffer: Buffer, at: number, end: number): number {
  // Behind the end there may be much of what was read before.
  if (end - at < LINE_END.length) return 0
  const line = buffer.indexOf(LINE_END, at) + LINE_END.length
  if (line < at + LINE_END.length || line > end) return 0
  // A message's line ends with how many bytes follow, and no other operation has any.
  return isMessage(buffer, at) ? line - at + numberBefore(buffer, line - LINE_END.length) + LINE_END.length : line - at
}

function isMessage(buffer: Buffer, at: number): boolean {
  if (buffer.length - at < LEAST_MESSAGE_BYTES) return false
  const name = buffer.readUInt32BE(at) | LOWER_CASE
  return name === MSG || (name === HMSG && buffer[at + 4] === SPACE)
}

/** NaN: there is none. */
function numberBefore(buffer: Buffer, end: number): number {
  let number = 0
  let at = end - 1
  for (let unit = 1; ZERO <= buffer[at]! && buffer[at]! <= NINE; unit *= 10) number += unit * (buffer[at--]! - ZERO)
  return at < end - 1 && buffer[at] === SPACE ? number : Number.NaN
}
