// A publisher whose every event is written down: when it left, and when it was acknowledged. Whatever counts events must, at
// any moment, have counted all that were acknowledged before it, and none that left after it. So what Prometheus has can be
// judged to the event, however slow the machine is.

import { setInterval as every } from 'node:timers/promises'
import type { Client } from '../../clients/src/index.ts'

const GO_EVERY_MS = 10

export class KnownFlow {
  readonly client: Client
  readonly topic: string
  readonly perSecond: number
  /** Of the data, as JSON. */
  bytes = 0
  /** Milliseconds since 1970, as Prometheus has them; each list ascends. */
  private readonly sent: number[] = []
  private readonly acknowledged: number[] = []
  private readonly data: (number: number) => unknown

  constructor(client: Client, topic: string, perSecond: number, data: (number: number) => unknown) {
    this.client = client
    this.topic = topic
    this.perSecond = perSecond
    this.data = data
  }

  /** Resolves when it is acknowledged. */
  async one(): Promise<void> {
    this.sent.push(Date.now())
    const data = this.data(this.sent.length)
    this.bytes += Buffer.byteLength(JSON.stringify(data))
    await this.client.topic(this.topic).publish(data)
    this.acknowledged.push(Date.now())
  }

  /** Resolves when all events of so many seconds are acknowledged. */
  async run(seconds: number): Promise<void> {
    const began = performance.now()
    const events = seconds * this.perSecond
    const waiting: Promise<void>[] = []
    for await (const _ of every(GO_EVERY_MS)) {
      const due = Math.min(events, ((performance.now() - began) / 1000) * this.perSecond)
      while (waiting.length < Math.floor(due)) waiting.push(this.one())
      if (waiting.length === events) break
    }
    await Promise.all(waiting)
  }

  get events(): number {
    return this.sent.length
  }

  get lastSentAt(): number {
    return this.sent.at(-1)!
  }

  /** How many had left when this moment was over. */
  sentBy(at: number): number {
    return upTo(this.sent, at)
  }

  acknowledgedBefore(at: number): number {
    return upTo(this.acknowledged, at - 1)
  }
}

function upTo(times: readonly number[], at: number): number {
  const next = times.findIndex((time) => time > at)
  return next < 0 ? times.length : next
}
