// The publishing side of a stream: publishes are handed on in the order in which they come, as many at a time as the
// client likes, up to a limit in bytes; what became of those that the group gives back at a time is said in ranges.

import { BrokerError } from '../../errors.ts'
import type { Operations, Published } from '../operations.ts'
import { problemOf } from '../problem.ts'
import { type PublishMessage, readEvents } from './layout.ts'

export interface PublisherHost {
  readonly operations: Pick<Operations, 'publish' | 'limits'>
  say(message: object): void
  unexpected(error: unknown): void
  onRefused(error: BrokerError): void
  /** Fewer or more bytes are under way. */
  changed(): void
}

interface Range {
  readonly topic: string
  readonly sequence: number
  count: number
  readonly seq: number | null
  readonly offset: number | null
  readonly duplicate: boolean
}

export class StreamPublisher {
  readonly id: string
  /** Bytes of what is not answered yet. */
  underWay = 0
  private readonly host: PublisherHost
  private ranges: Range[] = []
  private history = ''
  private due = false

  constructor(id: string, host: PublisherHost) {
    this.id = id
    this.host = host
  }

  /** Everything is answered, and the answers have left. */
  get settled(): boolean {
    return this.underWay === 0 && this.ranges.length === 0
  }

  publish(message: PublishMessage): void {
    const { topic, sequence, count, bytes } = message
    this.underWay += bytes
    this.settle(this.take(message), topic, sequence, count, bytes)
  }

  /** By itself: what waits for the answer holds on to nothing of the message's bytes. */
  private settle(taken: Promise<Published>, topic: string, sequence: number, count: number, bytes: number): void {
    taken.then(
      (published) => this.answer(bytes, () => this.published(topic, sequence, published)),
      (error: unknown) => this.answer(bytes, () => this.refused(sequence, count, error)),
    )
  }

  private take(message: PublishMessage): Promise<Published> {
    const { topic, sequence, count, packed } = message
    const { operations } = this.host
    try {
      const { requestEventsMax } = operations.limits
      if (count > requestEventsMax) {
        throw new BrokerError('TOO_LARGE', `The publish has ${count} events; the limit is ${requestEventsMax}.`)
      }
      const events = readEvents(message)
      return operations.publish({ topic, events, packed, publisher: { id: this.id, sequence } })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  private answer(bytes: number, tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.host.unexpected(error)
    }
    this.underWay -= bytes
    this.host.changed()
  }

  private published(topic: string, sequence: number, published: Published): void {
    const { history, count, duplicate, positionKnown } = published
    if (history !== this.history) this.flush()
    this.history = history
    const seq = positionKnown ? published.seq : null
    const offset = positionKnown ? published.offset : null
    const last = this.ranges.at(-1)
    if (last && follows(last, topic, sequence, seq, offset, duplicate)) last.count += count
    else this.ranges.push({ topic, sequence, count, seq, offset, duplicate })
    this.flushSoon()
  }

  private refused(sequence: number, count: number, error: unknown): void {
    this.flush() // In the order in which it happened.
    if (error instanceof BrokerError) this.host.onRefused(error)
    else this.host.unexpected(error)
    const { problem, retryAfterSeconds } = problemOf(error, 'unknown')
    this.host.say({
      op: 'refused',
      sequence,
      count,
      code: error instanceof BrokerError ? error.code : 'INTERNAL',
      detail: problem.detail,
      outcome: problem.outcome,
      ...(problem.errors !== undefined && { errors: problem.errors }),
      ...(problem.expectedSequence !== undefined && { expected: problem.expectedSequence }),
      ...(retryAfterSeconds !== undefined && { retryAfterMs: retryAfterSeconds * 1000 }),
    })
  }

  private flushSoon(): void {
    if (this.due) return
    this.due = true
    // When all that the group has just given back is known, and before anything else is read.
    process.nextTick(() => {
      this.due = false
      this.flush()
    })
  }

  private flush(): void {
    if (this.ranges.length === 0) return
    const ranges = this.ranges.map(({ sequence, count, seq, offset, duplicate }) => [
      sequence,
      count,
      seq,
      offset,
      duplicate ? 1 : 0,
    ])
    this.ranges = []
    this.host.say({ op: 'published', history: this.history, ranges })
  }
}

function follows(
  { topic, sequence, count, seq, offset, duplicate }: Range,
  nextTopic: string,
  nextSequence: number,
  nextSeq: number | null,
  nextOffset: number | null,
  nextDuplicate: boolean,
): boolean {
  return (
    topic === nextTopic &&
    duplicate === nextDuplicate &&
    nextSequence === sequence + count &&
    nextSeq === (seq === null ? null : seq + count) &&
    nextOffset === (offset === null ? null : offset + count)
  )
}
