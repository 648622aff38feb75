// Publishes exactly once, whatever happens to replicas. All it takes: a name, numbers without holes, one request at a
// time, and on any trouble the same request with the same number again, at another replica. If the first one had arrived
// after all, the group knows the number and answers with the place that the events have already.

import { setTimeout as pause } from 'node:timers/promises'
import type { NewEvent } from './records.ts'

export interface Acknowledged {
  /** Places in the order of the group, one an event. */
  readonly seqs: readonly number[]
  /** The events had been there before this request came. */
  readonly duplicate: boolean
}

/** An attempt that is not answered by then is given up: its outcome is unknown, and the next one will tell. */
const ATTEMPT_MS = 5000
/** A replica that cannot be reached is left alone for so long. */
const UNREACHABLE_MS = 300

export class Publisher {
  readonly id: string
  /** Of the next event. */
  private sequence = 1
  private readonly replicas: { readonly url: string; notBefore: number }[]

  /** `urls`: the replica to be used first comes first, the others stand in for it. */
  constructor(id: string, urls: readonly string[]) {
    this.id = id
    this.replicas = urls.map((url) => ({ url, notBefore: 0 }))
  }

  /** The id that an event of this publisher gets. */
  eventId(sequence: number): string {
    return `${this.id}-${sequence}`
  }

  /** Publishes events of one topic as one request: all or nothing. Only one call at a time. */
  async publish(topic: string, events: readonly NewEvent[], signal: AbortSignal): Promise<Acknowledged> {
    const body = JSON.stringify(
      events.map(({ type, time, data }, index) => ({
        specversion: '1.0',
        id: this.eventId(this.sequence + index),
        source: `/publishers/${this.id}`,
        type,
        time,
        data,
      })),
    )
    for (;;) {
      signal.throwIfAborted()
      const replica = await this.chooseReplica(signal)
      const acknowledged = await this.attempt(replica, topic, body, signal)
      if (acknowledged === undefined) continue
      this.sequence += events.length
      return acknowledged
    }
  }

  /** The first in order of preference that may be asked now; when none may be, the one that may be asked soonest. */
  private async chooseReplica(signal: AbortSignal): Promise<Publisher['replicas'][number]> {
    const now = Date.now()
    const free = this.replicas.find(({ notBefore }) => notBefore <= now)
    if (free !== undefined) return free
    const soonest = this.replicas.reduce((one, other) => (other.notBefore < one.notBefore ? other : one))
    await pause(soonest.notBefore - now, undefined, { signal })
    return soonest
  }

  /** Undefined: to be tried again. */
  private async attempt(
    replica: Publisher['replicas'][number],
    topic: string,
    body: string,
    signal: AbortSignal,
  ): Promise<Acknowledged | undefined> {
    let status: number
    let retryAfter: string | null
    let text: string
    try {
      const response = await fetch(`${replica.url}/v1/topics/${topic}/events`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/cloudevents-batch+json',
          'Lockstep-Publisher': this.id,
          'Lockstep-Sequence': String(this.sequence),
        },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
      })
      status = response.status
      retryAfter = response.headers.get('Retry-After')
      text = await response.text()
    } catch {
      // Refused, cut off in the middle, or no answer in time.
      replica.notBefore = Date.now() + UNREACHABLE_MS
      return undefined
    }
    if (status === 200) {
      const { events } = JSON.parse(text) as { events: { seq: number; duplicate: boolean }[] }
      return { seqs: events.map(({ seq }) => seq), duplicate: events[0]!.duplicate }
    }
    // 4xx says that the request is wrong, and it will be as wrong at another replica; only 429 passes by itself.
    if (status < 500 && status !== 429) throw new Error(`${this.id} at ${replica.url}: ${status} ${text}`)
    replica.notBefore = Date.now() + (retryAfter === null ? UNREACHABLE_MS : Number(retryAfter) * 1000)
    return undefined
  }
}
