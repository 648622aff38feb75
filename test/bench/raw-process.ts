// The peer: the same client library and the same server with no group in between. Three processes publish and each hears
// the two others; nothing is ordered, acknowledged or kept, and what is lost is lost. Packed, it is what any protocol
// over datagrams could reach at most here; one event a message is what a program without batches would get.

import { connect, type NatsConnection } from 'nats'
import { encodeBatch } from '../../broker/group/batch.ts'
import { serve, type Work } from './child.ts'
import { countEvents } from './count-events.ts'
import { type Trade, Trades } from './json-events.ts'
import { atRate } from './steady.ts'
import { STEADY_A_SECOND, type Task, type Window } from './task.ts'

/**
 * Bytes between two questions to the server; at most two are open. The answers come behind the messages of the others on
 * the same socket, so a process that cannot keep up with them publishes less.
 */
const ASK_EVERY_BYTES = 512 * 1024

/** What goes over the wire with each message besides its payload, about. */
const MESSAGE_OVERHEAD_BYTES = 40

const encoder = new TextEncoder()
const decoder = new TextDecoder()

class RawWork implements Work {
  readonly latencies: number[] = []
  private readonly task: Task
  private readonly connection: NatsConnection
  private readonly fail: (error: unknown) => void
  private readonly subject: string
  private readonly event: Uint8Array
  private readonly pack: Uint8Array[]
  private readonly trades: Trades
  private heard = 0
  private sent = 0
  private flooding = false

  constructor(task: Task, connection: NatsConnection, fail: (error: unknown) => void) {
    this.task = task
    this.connection = connection
    this.fail = fail
    this.subject = `bench.${task.group}`
    this.event = new Uint8Array(task.eventBytes).fill(0x61)
    this.trades = new Trades(task.eventBytes)
    this.pack = new Array(Math.max(1, Math.floor(task.packBytes / (task.eventBytes + 4)))).fill(this.event)
  }

  start(window: Window): void {
    if (this.task.work === 'flood' || this.task.work === 'json') {
      this.flooding = true
      for (let i = 0; i < 2; i++) void this.flood()
    } else if (this.task.name === this.task.roster[0]) {
      void atRate(STEADY_A_SECOND, Date.now(), window.until, () => this.askTheOther())
    }
  }

  async listen(): Promise<void> {
    this.connection.subscribe(this.subject, {
      callback: (error, message) => {
        if (error !== null) this.fail(error)
        else if (this.task.work === 'json') this.hearTrade(message.data)
        else if (this.task.packBytes > 0) this.heard += countEvents(message.data, this.task.eventBytes)
        else if (message.data.length === this.task.eventBytes) this.heard++
        else this.fail(`an event of ${this.task.eventBytes} bytes arrived with ${message.data.length}`)
      },
    })
    const [, other] = this.task.roster
    if (this.task.work === 'echo' && this.task.name === other) {
      this.connection.subscribe(`${this.subject}.echo`, {
        callback: (_, message) => void message.respond(message.data),
      })
    }
    await this.connection.flush()
  }

  events(): number {
    return this.heard
  }

  counts(): Record<string, number> {
    return { sent: this.sent }
  }

  async close(): Promise<void> {
    this.flooding = false
    await this.connection.close()
  }

  private hearTrade(data: Uint8Array): void {
    const { symbol } = JSON.parse(decoder.decode(data)) as Trade
    if (symbol.length === 4) this.heard++
    else this.fail(`a trade of ${symbol}`)
  }

  private message(): Uint8Array {
    const { packBytes, eventBytes, work } = this.task
    if (work === 'json') return encoder.encode(JSON.stringify(this.trades.next()))
    return packBytes > 0 ? encodeBatch(this.pack, this.pack.length * eventBytes).batch : this.event
  }

  private async flood(): Promise<void> {
    while (this.flooding) {
      for (let room = ASK_EVERY_BYTES; room > 0; ) {
        const message = this.message()
        this.connection.publish(this.subject, message)
        this.sent += this.pack.length
        room -= message.length + MESSAGE_OVERHEAD_BYTES
      }
      // A flush never settles when its connection is closed.
      await Promise.race([this.connection.flush(), this.connection.closed()])
      if (this.connection.isClosed()) return
    }
  }

  private askTheOther(): void {
    const at = performance.now()
    this.connection.request(`${this.subject}.echo`, this.event, { timeout: 5000 }).then(() => {
      this.latencies.push(performance.now() - at)
      this.heard++
    }, this.fail)
  }
}

serve(async (task, fail) => {
  const connection = await connect({
    servers: [task.url],
    name: `${task.group}/${task.name}`,
    noEcho: task.work !== 'json', // A subscriber of a broker hears its own program as well.
    noAsyncTraces: true,
    reconnect: false,
  })
  connection.closed().then((error) => error instanceof Error && fail(error))
  const work = new RawWork(task, connection, fail)
  await work.listen()
  return work
})
