// The peer that keeps what it acknowledges: JetStream, with a stream of three replicas in memory. Each process publishes
// at its server and reads what all publish, in the stream's order. As lean as its protocol allows: the API is spoken by
// hand, many publishes are under way at a time, and an acknowledgement is a message that is counted, not a promise.

import { connect, createInbox, type NatsConnection } from 'nats'
import { serve, type Work } from './child.ts'
import { RETAINED_EVENTS, type Trade, Trades } from './json-events.ts'
import type { Task } from './task.ts'

/** Publishes that are not acknowledged, at most. Many more, and servers of this version drop some. */
const UNDER_WAY = 2000
const STREAM = 'BENCH'
const READY_MS = 15_000
const SAMPLE_EVERY = 100

const encoder = new TextEncoder()
const decoder = new TextDecoder()

class JetStreamWork implements Work {
  readonly latencies: number[] = []
  private readonly task: Task
  private readonly connection: NatsConnection
  private readonly fail: (error: unknown) => void
  private readonly trades: Trades
  private readonly acks: string = createInbox()
  private flooding = false
  private published = 0
  private acknowledged = 0
  private read = 0
  /** By number, when it was published. */
  private readonly marks = new Map<number, number>()

  constructor(task: Task, connection: NatsConnection, fail: (error: unknown) => void) {
    this.task = task
    this.connection = connection
    this.fail = fail
    this.trades = new Trades(task.eventBytes)
  }

  async listen(): Promise<void> {
    const { name, roster, group } = this.task
    const deliver = `deliver.${name}`
    this.connection.subscribe(`${this.acks}.*`, { callback: (_, { subject, data }) => this.onAck(subject, data) })
    this.connection.subscribe(deliver, { callback: (_, { data }) => this.onEvent(data) })
    await this.connection.flush()
    if (name === roster[0])
      await this.ask(`STREAM.CREATE.${STREAM}`, {
        name: STREAM,
        subjects: [group],
        storage: 'memory',
        num_replicas: roster.length,
        max_msgs: RETAINED_EVENTS,
        discard: 'old',
      })
    await this.ask(`CONSUMER.CREATE.${STREAM}`, {
      stream_name: STREAM,
      config: {
        deliver_subject: deliver,
        ack_policy: 'none',
        deliver_policy: 'new',
        mem_storage: true,
        num_replicas: 1,
      },
    })
  }

  start(): void {
    this.flooding = true
    this.fill()
  }

  events(): number {
    return this.read
  }

  counts(): Record<string, number> {
    return { published: this.published, acknowledged: this.acknowledged }
  }

  async close(): Promise<void> {
    this.flooding = false
    await this.connection.close()
  }

  private fill(): void {
    while (this.flooding && this.published - this.acknowledged < UNDER_WAY) {
      const number = this.published++
      if (number % SAMPLE_EVERY === 0) this.marks.set(number, performance.now())
      const data = encoder.encode(JSON.stringify(this.trades.next()))
      this.connection.publish(this.task.group, data, { reply: `${this.acks}.${number}` })
    }
  }

  private onAck(subject: string, data: Uint8Array): void {
    const text = decoder.decode(data)
    if (text.includes('"error"') || !text.includes(STREAM)) return this.fail(new Error(`not acknowledged: ${text}`))
    this.acknowledged++
    const number = Number(subject.slice(this.acks.length + 1))
    const at = this.marks.get(number)
    if (at !== undefined) {
      this.marks.delete(number)
      this.latencies.push(performance.now() - at)
    }
    this.fill()
  }

  private onEvent(data: Uint8Array): void {
    const { symbol } = JSON.parse(decoder.decode(data)) as Trade
    if (symbol.length === 4) this.read++
    else this.fail(new Error(`a trade of ${symbol}`))
  }

  /** Again and again, until the servers have found each other. */
  private async ask(what: string, body: object): Promise<void> {
    let text = ''
    for (const until = Date.now() + READY_MS; Date.now() < until; ) {
      try {
        const answer = await this.connection.request(`$JS.API.${what}`, encoder.encode(JSON.stringify(body)), {
          timeout: 2000,
        })
        text = decoder.decode(answer.data)
        if (!text.includes('"error"')) return
      } catch (error) {
        text = String(error)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(`JetStream does not do ${what}: ${text}`)
  }
}

serve(async (task, fail) => {
  const connection = await connect({ servers: [task.url], noAsyncTraces: true, reconnect: false })
  connection.closed().then((error) => error instanceof Error && fail(error))
  const work = new JetStreamWork(task, connection, fail)
  await work.listen()
  return work
})
