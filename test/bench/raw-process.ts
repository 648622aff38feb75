// The peer: the same client library and the same server with no group in between. Three processes publish and each hears
// the two others; nothing is ordered, acknowledged or kept, and what is lost is lost. Packed, it is what datagrams
// carry by that library at most here; one event a message is what a program without batches would get.

import { connect, type Msg, type NatsConnection } from 'nats'
import { setCollector } from '../../broker/collector.ts'
import { BatchWriter } from '../../broker/group/batch.ts'
import { serve, type Work } from './child.ts'
import { countEvents } from './count-events.ts'
import { type Trade, Trades } from './json-events.ts'
import { atRate } from './steady.ts'
import { STEADY_A_SECOND, type Task, type Window } from './task.ts'

/**
 * Bytes between two questions to the server; at most two are open. The answers come behind the messages of the others on
 * the same socket, so a process that cannot keep up with them publishes less. Smaller: up to a third less; larger: no more.
 */
const ASK_EVERY_BYTES = 2 * 1024 * 1024

/** What goes over the wire with each message besides its payload, about. */
const MESSAGE_OVERHEAD_BYTES = 40

/** With an answer. */
const PATIENCE_MS = 5000

const encoder = new TextEncoder()
const decoder = new TextDecoder()

class RawWork implements Work {
  readonly latencies: number[] = []
  private readonly task: Task
  private readonly connection: NatsConnection
  private readonly fail: (error: unknown) => void
  private readonly subject: string
  private readonly event: Uint8Array
  /** Events of a message. */
  private readonly packed: number
  private readonly packs: BatchWriter
  private readonly trades: Trades
  /** When each question was asked that not all have answered, and how many have. */
  private readonly asked = new Map<number, { readonly at: number; answers: number }>()
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
    this.packed = Math.max(1, Math.floor(task.packBytes / (task.eventBytes + 4)))
    this.packs = new BatchWriter(this.packed * (task.eventBytes + 4))
  }

  start(window: Window): void {
    if (this.task.work === 'flood' || this.task.work === 'json') {
      this.flooding = true
      for (let i = 0; i < 2; i++) void this.flood()
    } else if (this.task.name === this.task.roster[0]) {
      void atRate(STEADY_A_SECOND, Date.now(), window.until, () => this.ask())
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
    const { work, name, roster } = this.task
    if (work === 'echo' || work === 'echo-all') {
      const asks = name === roster[0]
      if (asks) this.hear('answer', ({ data }) => this.hearAnswer(data))
      else if (roster.indexOf(name) <= this.answersEach) this.hear('echo', (message) => message.respond(message.data))
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
    const { packBytes, work } = this.task
    if (work === 'json') return encoder.encode(JSON.stringify(this.trades.next()))
    if (packBytes === 0) return this.event
    while (this.packs.add(this.event));
    return this.packs.finish().batch
  }

  private async flood(): Promise<void> {
    while (this.flooding) {
      for (let room = ASK_EVERY_BYTES; room > 0; ) {
        const message = this.message()
        this.connection.publish(this.subject, message)
        this.sent += this.packed
        room -= message.length + MESSAGE_OVERHEAD_BYTES
      }
      // A flush never settles when its connection is closed.
      await Promise.race([this.connection.flush(), this.connection.closed()])
      if (this.connection.isClosed()) return
    }
  }

  private get answersEach(): number {
    return this.task.work === 'echo' ? 1 : this.task.roster.length - 1
  }

  private hear(what: 'answer' | 'echo', call: (message: Msg) => void): void {
    this.connection.subscribe(`${this.subject}.${what}`, {
      callback: (error, message) => (error === null ? call(message) : this.fail(error)),
    })
  }

  /** The number of the question is in its bytes. */
  private ask(): void {
    const at = performance.now()
    const oldest = this.asked.values().next().value
    if (oldest !== undefined && at - oldest.at > PATIENCE_MS) this.fail(`no answer within ${PATIENCE_MS} ms`)
    const question = Buffer.from(this.event)
    question.writeUInt32LE(++this.sent)
    this.asked.set(this.sent, { at, answers: 0 })
    this.connection.publish(`${this.subject}.echo`, question, { reply: `${this.subject}.answer` })
  }

  private hearAnswer(data: Uint8Array): void {
    const number = Buffer.from(data.buffer, data.byteOffset).readUInt32LE()
    const question = this.asked.get(number)
    if (question === undefined) this.fail(`an answer to question ${number}, which is not open`)
    else if (++question.answers === this.answersEach) {
      this.asked.delete(number)
      this.latencies.push(performance.now() - question.at)
      this.heard++
    }
  }
}

serve(async (task, fail) => {
  // As the members of the group do; programs that read and write JSON run as Node.js comes, here as over a group.
  if (task.work === 'flood') setCollector()
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
