// Publishers and subscribers that record everything they are told. Careful publishers are those of the examples; hasty
// ones go to any replica, now and then to two at once, and have large events among theirs. Subscribers stay at one
// replica through all its lives, or move on of their own accord.

import { setTimeout as pause } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { Publisher } from '../../clients/examples/publisher.ts'
import type { NewEvent } from '../../clients/examples/records.ts'
import type { Chance } from '../sim/random.ts'
import type { Trace } from './trace.ts'

export const TOPICS: readonly string[] = ['chaos.orders', 'chaos.prices', 'chaos.large']
/** The last event of all. There is one order, so who has read it has read everything. */
export const END_TOPIC = 'chaos.end'

export interface Place {
  readonly name: string
  readonly url: string
}

const TYPE = 'chaos.made'
const TIME = '2026-01-31T12:00:00Z'
/** Like those of the examples'. */
const eventId = (publisher: string, sequence: number): string => `${publisher}-${sequence}`

const checksum = (topic: string, data: unknown): number => crc32(`${topic} ${JSON.stringify(data)}`)

abstract class RecordingPublisher {
  readonly id: string
  protected readonly trace: Trace
  protected readonly chance: Chance
  protected sequence = 1

  constructor(id: string, trace: Trace, chance: Chance) {
    this.id = id
    this.trace = trace
    this.chance = chance
  }

  /** Publishes one request after another until it is told to stop, and then finishes the last one. */
  async run(meanPauseMs: number, stop: AbortSignal, giveUp: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const topic = this.topic()
      const events = Array.from({ length: this.chance.whole(1, 4) }, (_, i) => this.make(topic, this.sequence + i))
      await this.publish(topic, events, giveUp)
      await pause(Math.min(this.chance.wait(meanPauseMs), 10 * meanPauseMs), undefined, { signal: stop }).catch(
        () => {},
      )
    }
  }

  async publish(topic: string, events: readonly NewEvent[], giveUp: AbortSignal): Promise<void> {
    for (const [i, { data }] of events.entries()) {
      const sequence = this.sequence + i
      this.trace.add({ type: 'published', publisher: this.id, sequence, topic, checksum: checksum(topic, data) })
    }
    await this.send(topic, events, giveUp)
    this.sequence += events.length
  }

  protected acknowledge(seqs: readonly number[], duplicate: boolean): void {
    for (const [i, seq] of seqs.entries())
      this.trace.add({ type: 'acknowledged', publisher: this.id, sequence: this.sequence + i, seq, duplicate })
  }

  protected topic(): string {
    return this.chance.pick(TOPICS.slice(0, 2))
  }

  protected make(topic: string, sequence: number): NewEvent {
    return { topic, type: TYPE, time: TIME, data: { publisher: this.id, sequence, text: 'x'.repeat(this.bytes()) } }
  }

  protected bytes(): number {
    return this.chance.whole(0, 300)
  }

  protected abstract send(topic: string, events: readonly NewEvent[], giveUp: AbortSignal): Promise<void>
}

export class CarefulPublisher extends RecordingPublisher {
  private readonly publisher: Publisher

  /** The first place is preferred. */
  constructor(id: string, places: readonly Place[], trace: Trace, chance: Chance) {
    super(id, trace, chance)
    this.publisher = new Publisher(
      id,
      places.map(({ url }) => url),
    )
  }

  protected async send(topic: string, events: readonly NewEvent[], giveUp: AbortSignal): Promise<void> {
    const { seqs, duplicate } = await this.publisher.publish(topic, events, giveUp)
    this.acknowledge(seqs, duplicate)
  }
}

export class HastyPublisher extends RecordingPublisher {
  private readonly places: readonly Place[]
  private readonly large: boolean

  constructor(id: string, places: readonly Place[], large: boolean, trace: Trace, chance: Chance) {
    super(id, trace, chance)
    this.places = places
    this.large = large
  }

  protected override topic(): string {
    return this.large ? TOPICS[2]! : super.topic()
  }

  protected override bytes(): number {
    // Four of them still fit into one request.
    return this.large ? this.chance.whole(10_000, 100_000) : super.bytes()
  }

  protected async send(topic: string, events: readonly NewEvent[], giveUp: AbortSignal): Promise<void> {
    const { id, chance } = this
    const body = JSON.stringify(
      events.map(({ type, time, data }, i) => {
        return { specversion: '1.0', id: eventId(id, this.sequence + i), source: `/${id}`, type, time, data }
      }),
    )
    for (;;) {
      giveUp.throwIfAborted()
      const asked = chance.shuffle(this.places).slice(0, chance.chance(0.1) ? 2 : 1)
      const patienceMs = chance.whole(300, 6000)
      const answers = await Promise.all(asked.map((place) => this.attempt(place, topic, body, patienceMs, giveUp)))
      if (answers.includes('acknowledged')) return
      await pause(chance.between(20, 300), undefined, { signal: giveUp })
    }
  }

  private async attempt(
    { name, url }: Place,
    topic: string,
    body: string,
    patienceMs: number,
    giveUp: AbortSignal,
  ): Promise<'acknowledged' | 'again'> {
    const again = (why: string): 'again' => {
      this.trace.add({ type: 'refused', publisher: this.id, sequence: this.sequence, replica: name, why })
      return 'again'
    }
    let status: number
    let text: string
    try {
      const response = await fetch(`${url}/v1/topics/${topic}/events`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/cloudevents-batch+json',
          'Lockstep-Publisher': this.id,
          'Lockstep-Sequence': String(this.sequence),
        },
        body,
        signal: AbortSignal.any([giveUp, AbortSignal.timeout(patienceMs)]),
      })
      status = response.status
      text = await response.text()
    } catch (error) {
      return again(String((error as Error).cause ?? error))
    }
    if (status === 200) {
      const { events } = JSON.parse(text) as { events: { seq: number; duplicate: boolean }[] }
      this.acknowledge(
        events.map(({ seq }) => seq),
        events[0]!.duplicate,
      )
      return 'acknowledged'
    }
    // Too large passes by itself here: the limit of the NATS server is lowered and raised again.
    if (status < 500 && status !== 429 && status !== 413)
      throw new Error(`${this.id} at ${name}: its event ${this.sequence} is answered ${status} ${text}`)
    return again(`${status} ${text}`)
  }
}

const OPEN_MS = 5000
const RETRY_MS = 100

export class Subscriber {
  readonly name: string
  /** It has read the last event of all. */
  readonly atEnd: Promise<void>
  private readonly places: readonly Place[]
  private readonly trace: Trace
  private readonly chance: Chance
  private readonly end: PromiseWithResolvers<void> = Promise.withResolvers()
  private mayRead: Promise<void> = Promise.resolve()
  private token: string | undefined

  /** With one place it stays there, with more it moves between them. */
  constructor(name: string, places: readonly Place[], trace: Trace, chance: Chance) {
    this.name = name
    this.places = places
    this.trace = trace
    this.chance = chance
    this.atEnd = this.end.promise
  }

  /** It takes nothing from its connection until that is settled. */
  hold(until: Promise<void>): void {
    this.mayRead = until
  }

  async read(signal: AbortSignal): Promise<void> {
    const staysMs = (): number => (this.places.length === 1 ? 60_000 : this.chance.whole(500, 15_000))
    while (!signal.aborted) {
      const place = this.chance.pick(this.places)
      const leave = AbortSignal.any([signal, AbortSignal.timeout(staysMs())])
      // A stream that is cut or cannot be opened: on to the next one, from where it was.
      await this.readStream(place, leave).catch((error: unknown) => {
        if (error instanceof Wrong) throw error
      })
      await pause(RETRY_MS, undefined, { signal }).catch(() => {})
    }
  }

  private async readStream({ name, url }: Place, leave: AbortSignal): Promise<void> {
    const { token } = this
    const patience = new AbortController()
    const impatience = setTimeout(() => patience.abort(), OPEN_MS)
    const response = await fetch(`${url}/v1/events?topics=chaos.>&from=start&views=true`, {
      headers: { Accept: 'text/event-stream', ...(token !== undefined && { 'Last-Event-ID': token }) },
      signal: AbortSignal.any([leave, patience.signal]),
    }).finally(() => clearTimeout(impatience))
    if (response.status !== 200 || response.body === null) {
      const text = await response.text()
      if (response.status < 500 && response.status !== 429)
        throw new Wrong(`${this.name} at ${name}: ${response.status} ${text}`)
      return
    }
    this.trace.add({ type: 'subscribed', subscriber: this.name, replica: name, token })
    const parser = createParser({ onEvent: (message) => this.take(message) })
    const decoder = new TextDecoder()
    for await (const piece of response.body) {
      await this.mayRead.catch(() => {})
      parser.feed(decoder.decode(piece, { stream: true }))
    }
  }

  private take({ id, event, data }: EventSourceMessage): void {
    const { name: subscriber } = this
    const history = id?.split(':')[0] ?? ''
    const told = JSON.parse(data)
    if (event === 'event') {
      const { seq, offset, topic, publisher } = told as {
        seq: number
        offset: number
        topic: string
        publisher: string
      }
      // Its publisher has made the id, and put its number into it.
      const sequence = Number(told.id.slice(publisher.length + 1))
      const sum = checksum(topic, told.data)
      const common = { type: 'delivered', subscriber, history, seq, offset } as const
      this.trace.add({ ...common, topic, publisher, sequence, checksum: sum })
      if (topic === END_TOPIC) this.end.resolve()
    } else if (event === 'view') {
      const { seq, number, members, joined, left, failed } = told
      this.trace.add({ type: 'view', subscriber, history, seq, number, members, joined, left, failed })
    } else if (event === 'gap') this.trace.add({ type: 'gap', subscriber, told: data })
    // Only now: where it goes on from must be behind what it has taken.
    this.token = id ?? this.token
  }
}

/** The request is at fault, and would be anywhere. */
class Wrong extends Error {}
