// The real broker on a simulated replica: its clients are callbacks and cursors, its clocks and its chance come from the
// world. Every event goes to a topic that it creates, and the topics' schemas change under the publishers.

import { Broker, historyText } from '../../broker/broker.ts'
import type { Application } from '../../broker/driver.ts'
import type { From, Notification, Order } from '../../broker/http/operations.ts'
import type { Token } from './observation.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'
import type { EarlyTold, Reader, ReadPlace, ServingReplica, SimulatedEvent } from './serving.ts'
import type { Turn } from './turns.ts'

export interface BrokerReplicaParts {
  readonly chance: Chance
  readonly publishTimeoutMs: number
  readonly datagramBytesMax: () => number
  readonly now: () => number
  readonly took: (turn: Turn) => void
}

const TOPICS = ['t.one', 't.two', 't.three'] as const
const READ_BYTES = 64 * 1024
/** Every third publisher counts from here: almost as far as numbers go. */
const FAR = 2 ** 53 - 100_000

export class BrokerReplica implements ServingReplica {
  readonly broker: Broker
  private readonly process: SimulatedProcess
  private readonly parts: BrokerReplicaParts

  constructor(process: SimulatedProcess, parts: BrokerReplicaParts) {
    this.process = process
    this.parts = parts
    const { chance, now } = parts
    const skew = 1.7e12 + chance.between(-5000, 5000)
    this.broker = new Broker({
      name: process.name,
      limits: {
        eventBytesMax: 256 * 1024,
        requestBytesMax: 512 * 1024,
        requestEventsMax: 10_000,
        schemaBytesMax: 768 * 1024,
        topicsMax: 100,
        topicNameBytesMax: 255,
        connectionsMax: 100,
        bodiesBytesMax: 1024 * 1024,
      },
      stateLimits: { topicsMax: 100, publishersMax: 1000, repliesPerPublisher: 4, retainedBytesMax: 64 * 1024 * 1024 },
      pendingRequestsMax: 1000,
      pendingBytesMax: 1024 * 1024,
      publishTimeoutMs: parts.publishTimeoutMs,
      primaryGraceMs: 2000,
      stalledAfterMs: 4000,
      minReplicas: 1,
      autoTopics: true,
      submit: (request) => process.driver.submit(request),
      showEarly: (wanted) => process.driver.showEarly(wanted),
      memberStatus: () => process.status(),
      datagramBytesMax: parts.datagramBytesMax,
      now,
      wallClock: () => skew + now(),
      random: chance.next,
      // Whether events fit their schemas is tested elsewhere; here matters that schemas change.
      schemas: {
        check: (document) => ({ ok: true, text: new TextEncoder().encode(JSON.stringify(document)) }),
        validate: () => [],
      },
      endOfTurn: (call) => process.endOfTurn(call),
    })
  }

  get history(): number {
    return this.process.view?.history ?? 0
  }

  publish(publisher: number, sequence: number, padding: number, answer: (confirmed: boolean) => void): boolean {
    const topic = TOPICS[publisher % TOPICS.length] as string
    const data = Buffer.from(JSON.stringify({ publisher, sequence, padding: 'x'.repeat(padding) }))
    let entering = true
    let refused = false
    this.broker.publish(
      {
        topic,
        events: [{ data }],
        publisher: { id: `publisher-${publisher}`, sequence: publisher % 3 === 0 ? FAR + sequence : sequence },
      },
      (error, published) => {
        if (error === undefined && published?.duplicate) this.parts.took('retry of an event that was in')
        if (entering) refused = error !== undefined
        else answer(error === undefined)
      },
    )
    entering = false
    return !refused
  }

  subscribe(after: ReadPlace | undefined, order: Order = 'safe'): Reader {
    const from: From =
      after === undefined ? { at: 'start' } : { at: 'token', history: historyText(after.history), seq: after.place }
    const cursor = this.broker.subscribe(['t.>'], from, { views: false, order })
    return {
      get place() {
        return cursor.seq
      },
      read: (most) => cursor.next(most, READ_BYTES).map(eventTold),
      close: () => cursor.close(),
    }
  }

  meddle(random: number): void {
    const topic = TOPICS[Math.floor(random * TOPICS.length)] as string
    const schema = { type: 'object', title: `drawn ${random}` }
    this.broker.putTopic(topic, { schema, compatibility: 'none' }, () => {})
  }

  tick(): void {
    this.broker.tick()
  }

  /** Requests are the broker's own business: it may submit one again in the same bytes. */
  tokensOf(): readonly Token[] {
    return []
  }

  digestText(): string {
    return `${this.broker.state.digest} at ${this.broker.state.seq}`
  }

  digest(): number {
    return this.broker.digest()
  }

  snapshot(): Uint8Array[] {
    return this.broker.snapshot()
  }

  output(output: Parameters<Application['output']>[0]): void {
    this.broker.output(output)
  }

  turnEnded(): void {
    this.broker.turnEnded()
  }
}

function eventTold(notification: Notification): SimulatedEvent | EarlyTold | string {
  switch (notification.type) {
    case 'event':
    case 'early': {
      const { event } = notification
      const { publisher, sequence } = JSON.parse(Buffer.from(event.data).toString())
      if (notification.type === 'event') return { publisher, sequence, place: notification.event.seq }
      return { publisher, sequence, place: 0, told: 'early' }
    }
    case 'kept':
    case 'retract': {
      const { by, number } = notification.numbered
      const publisher = Number(by.replace('publisher-', ''))
      const sequence = publisher % 3 === 0 ? number - FAR : number
      return {
        publisher,
        sequence,
        place: notification.type === 'kept' ? notification.seq : 0,
        told: notification.type,
      }
    }
    default:
      return JSON.stringify(notification)
  }
}
