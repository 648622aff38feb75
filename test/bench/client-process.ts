// A program that uses the client library, in a process of its own: it publishes typed events at its replica as fast as
// that takes them, and reads, in order and safe, what all have published. The other two do the same at theirs.

import { WebSocket } from 'ws'
import { type Client, connect, type Item } from '../../clients/src/index.ts'
import { serve, type Work } from './child.ts'
import { type Trade, Trades } from './json-events.ts'
import { atRate } from './steady.ts'
import type { Task, Window } from './task.ts'

/** Published in one go; then the event loop goes round. */
const GO = 250
/** The same where the rate is given. */
const STEADY_GO = 20
const GOES_WAITING_MAX = 200
const SAMPLE_EVERY = 100

class ClientWork implements Work {
  readonly latencies: number[] = []
  private readonly client: Client
  private readonly topic: string
  private readonly rate: number | undefined
  private readonly trades: Trades
  private readonly fail: (error: unknown) => void
  private read = 0
  private readCalls = 0
  private published = 0
  private leftOut = 0
  private goesWaiting = 0
  private lastSeq = 0
  private over = false

  constructor({ url, group, eventBytes, rate }: Task, fail: (error: unknown) => void) {
    this.client = connect({
      replicas: url,
      WebSocket,
      onBroken: (why) => this.over || fail(new Error(`the stream broke: ${why}`)),
    })
    this.topic = group
    this.rate = rate
    this.trades = new Trades(eventBytes)
    this.fail = fail
  }

  /** Resolves when it is told of everything that is published from now on. */
  async listen(): Promise<void> {
    const trades = this.client.topic<Trade>(this.topic)
    const first = trades.subscribe()
    first.each((items) => this.onItems(items)).catch(this.fail)
    while (first.token === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  start({ until }: Window): void {
    if (this.rate === undefined) this.flood().catch(this.fail)
    else void atRate(this.rate / STEADY_GO, Date.now(), until, () => this.publishIfTaken())
  }

  events(): number {
    return this.read
  }

  counts(): Record<string, number> {
    return { published: this.published, leftOut: this.leftOut, readCalls: this.readCalls }
  }

  async close(): Promise<void> {
    this.over = true
    this.client.close()
  }

  private async flood(): Promise<void> {
    while (!this.over) {
      this.publish(GO)
      await this.client.ready()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** A go that finds too many before it, for which the client is not ready, is left out, and counted. */
  private publishIfTaken(): void {
    if (this.goesWaiting >= GOES_WAITING_MAX) this.leftOut += STEADY_GO
    else {
      this.publish(STEADY_GO)
      this.goesWaiting++
      this.client.ready().then(() => {
        this.goesWaiting--
      }, this.fail)
    }
  }

  private publish(events: number): void {
    for (let i = 0; i < events; i++) {
      const answered = this.client.publish(this.topic, this.trades.next())
      if (this.published++ % SAMPLE_EVERY === 0) this.sample(answered)
      else answered.catch((error) => this.over || this.fail(error))
    }
  }

  private sample(answered: Promise<unknown>): void {
    const at = performance.now()
    answered.then(
      () => this.latencies.push(performance.now() - at),
      (error) => this.over || this.fail(error),
    )
  }

  private onItems(items: readonly Item<Trade>[]): void {
    this.readCalls++
    for (const item of items) {
      if (item.kind !== 'event') return this.fail(new Error(`a ${item.kind} in the stream`))
      if (item.seq <= this.lastSeq || item.data.symbol.length !== 4)
        return this.fail(new Error('not what was published'))
      this.lastSeq = item.seq
    }
    this.read += items.length
  }
}

serve(async (task, fail) => {
  const work = new ClientWork(task, fail)
  await work.listen()
  return work
})
