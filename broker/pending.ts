// Requests that entered at this replica and are not answered yet, in the order in which they came. Each is known by its
// publisher and sequence number, so that whichever copy of it is delivered first answers it. Bounded by count and bytes:
// what is over the limit is refused before anything happens, never dropped later.

import assert from 'node:assert'
import type { BrokerError } from './errors.ts'
import type { CommandKind } from './events/command.ts'
import type { Applied } from './events/state.ts'
import type { Incarnation } from './group/view.ts'

/** Called once: with an error, or with what the state did. */
export type Waiter = (error: BrokerError | undefined, applied: Applied | undefined) => void

export interface NewRequest {
  readonly kind: CommandKind
  readonly topic: string
  readonly publisher: string
  readonly sequence: number
  /** How many numbers it takes. */
  readonly count: number
  /** The number was given here: it means nothing to anybody else, and a refused request may take another one. */
  readonly ownNumber: boolean
  readonly bytes: number
  readonly deadline: number
  /**
   * Checks the request against the state as it is now and makes the command. Throws `BrokerError`. `previous`: the
   * command that it made before.
   */
  readonly prepare: (sequence: number, previous: Uint8Array | undefined) => Uint8Array
  readonly waiter: Waiter
  /** Told whenever it was handed to the group. */
  readonly trace?: { handedOver(): void } | undefined
}

export class PendingRequest {
  private asked: NewRequest | undefined
  waiters: Waiter[]
  sequence: number
  command: Uint8Array | undefined
  /** The command was made against a state that is past. */
  stale = true
  /** To be handed to the group as soon as it takes it. */
  waits = true
  /** As whom it was last handed over. */
  submittedAs: Incarnation | undefined
  submittedAt = 0
  /** It was handed over and could be in the order by now, unseen. */
  maybeOrdered = false
  /** A copy of a former life of this replica could be in the order, unseen. */
  hasFormerCopy = false
  /** Times it was handed over again because the state had moved on. */
  retries = 0

  constructor(request: NewRequest) {
    this.asked = request
    this.sequence = request.sequence
    this.waiters = [request.waiter]
  }

  get request(): NewRequest {
    assert(this.asked, 'a request is not asked for when it is settled')
    return this.asked
  }

  /** Whether a command under the same number is this request, or a copy of it. */
  answeredBy({ kind, topic, count }: Pick<Applied, 'kind' | 'topic' | 'count'>): boolean {
    const { request } = this
    return kind === request.kind && topic === request.topic && count === request.count
  }

  prepare(): Uint8Array {
    if (this.stale || this.command === undefined) {
      this.command = this.request.prepare(this.sequence, this.command)
      this.stale = false
    }
    return this.command
  }

  /**
   * It is settled. When maps and sets grow, what they had before stays in memory until all of it is collected, and while
   * that lasts all that it refers to is kept by the collections of young garbage: so what is done with refers to nothing.
   */
  letGo(): void {
    this.asked = undefined
    this.waiters = []
    this.command = undefined
  }
}

export class Pending {
  private readonly requestsMax: number
  private readonly bytesMax: number
  private readonly inOrder = new Set<PendingRequest>()
  private readonly byPublisher = new Map<string, Map<number, PendingRequest>>()
  bytes = 0

  constructor(requestsMax: number, bytesMax: number) {
    this.requestsMax = requestsMax
    this.bytesMax = bytesMax
  }

  get size(): number {
    return this.inOrder.size
  }

  /** Oldest first; may be removed from while it is walked. */
  [Symbol.iterator](): IterableIterator<PendingRequest> {
    return this.inOrder.values()
  }

  /** A single request always has room, or one that is larger than the limit could never be sent. */
  hasRoomFor(bytes: number): boolean {
    return this.inOrder.size < this.requestsMax && (this.inOrder.size === 0 || this.bytes + bytes <= this.bytesMax)
  }

  get(publisher: string, sequence: number): PendingRequest | undefined {
    return this.byPublisher.get(publisher)?.get(sequence)
  }

  /** Whether this publisher has a request here with a smaller number: that one has to go first. */
  hasEarlier(publisher: string, sequence: number): boolean {
    for (const other of this.byPublisher.get(publisher)?.keys() ?? []) if (other < sequence) return true
    return false
  }

  add(pending: PendingRequest): void {
    this.inOrder.add(pending)
    this.bytes += pending.request.bytes
    this.index(pending)
  }

  /** False: it was not there any more. */
  remove(pending: PendingRequest): boolean {
    if (!this.inOrder.delete(pending)) return false
    this.bytes -= pending.request.bytes
    this.unindex(pending)
    pending.letGo()
    return true
  }

  /** Gives it another number, and the last place, since numbers given here grow along the order. */
  renumber(pending: PendingRequest, sequence: number): void {
    this.unindex(pending)
    pending.sequence = sequence
    this.inOrder.delete(pending)
    this.inOrder.add(pending)
    this.index(pending)
  }

  private index(pending: PendingRequest): void {
    const { publisher } = pending.request
    const ofPublisher = this.byPublisher.get(publisher) ?? new Map<number, PendingRequest>()
    ofPublisher.set(pending.sequence, pending)
    this.byPublisher.set(publisher, ofPublisher)
  }

  private unindex(pending: PendingRequest): void {
    const { publisher } = pending.request
    const ofPublisher = this.byPublisher.get(publisher)
    ofPublisher?.delete(pending.sequence)
    if (ofPublisher?.size === 0) this.byPublisher.delete(publisher)
  }
}
