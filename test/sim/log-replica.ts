// The log on one replica: applies what is delivered, keeps the requests of its publishers until they are answered, and
// after an exclusion submits them again in the old order, as the broker does.

import type { Application } from '../../broker/driver.ts'
import { decodeBatch, encodeRequest, Log, type LogRequest } from './log-application.ts'
import type { Observation, Token } from './observation.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'
import type { Reader, ReadPlace, ServingReplica } from './serving.ts'
import type { Turn } from './turns.ts'

interface Pending {
  readonly publisher: number
  readonly sequence: number
  readonly padding: number
  /** The submission that stands for it now; 0: none. */
  token: Token
  /** Answers the publisher: in, or certainly not in by this submission. */
  readonly answer: (confirmed: boolean) => void
}

export interface LogReplicaParts {
  readonly chance: Chance
  readonly nextToken: () => Token
  readonly observe: (observation: Observation) => void
  /** A rare turn was taken. */
  readonly took: (turn: Turn) => void
  /** An event was applied here: publishers that react to events do it within the same turn. */
  readonly onApplied: (replica: LogReplica, event: { publisher: number; sequence: number }) => void
}

/** Requests of publishers that one replica keeps, at most. */
const PENDING_MAX = 2000
/** In a tick: that somebody comes who reads what is not safe yet, where nobody does, and that the last of them goes. */
const COMES = 0.3
const GOES = 0.01

export class LogReplica implements ServingReplica {
  readonly log: Log = new Log()
  readonly process: SimulatedProcess
  /** Whether there are readers who come and go and want what is not safe yet. */
  earlyReaders = true
  private readonly parts: LogReplicaParts
  private pending: Pending[] = []
  private applying = false
  private earlyWanted = false

  constructor(process: SimulatedProcess, parts: LogReplicaParts) {
    this.process = process
    this.parts = parts
  }

  get history(): number {
    return this.process.view?.history ?? 0
  }

  publish(publisher: number, sequence: number, padding: number, answer: (confirmed: boolean) => void): boolean {
    if (this.pending.length >= PENDING_MAX) return false
    const first = this.pending.find((pending) => pending.publisher === publisher && pending.sequence === sequence)
    const pending: Pending = { publisher, sequence, padding, token: first?.token ?? 0, answer }
    // A retry that meets its own first copy not yet safe here is not sent again: that copy's delivery answers both.
    if (first === undefined && !this.submit(pending)) return false
    if (first !== undefined) this.pending.splice(this.pending.indexOf(first), 1, pending)
    else this.pending.push(pending)
    return true
  }

  subscribe(after: ReadPlace | undefined): Reader {
    const { log } = this
    let place = after?.place ?? 0
    return {
      get place() {
        return place
      },
      read: (most) =>
        log.events.slice(place, place + most).map((event) => {
          place++
          return { ...event, place }
        }),
      close: () => {},
    }
  }

  tick(): void {
    if (!this.earlyReaders || !this.parts.chance.chance(this.earlyWanted ? GOES : COMES)) return
    this.earlyWanted = !this.earlyWanted
    this.process.driver.showEarly(this.earlyWanted)
  }

  /** A log has nothing that could change. */
  meddle(): void {}

  tokensOf(batch: Uint8Array): readonly Token[] {
    return decodeBatch(batch).map((request) => request.token)
  }

  digestText(): string {
    return this.log.digest
  }

  digest(): number {
    return this.log.chain
  }

  snapshot(): Uint8Array[] {
    const bytes = this.log.snapshot()
    return [bytes.subarray(0, 5), bytes.subarray(5)]
  }

  output(output: Parameters<Application['output']>[0]): void {
    switch (output.type) {
      case 'deliver': {
        const applied: LogRequest[] = []
        this.log.apply(output.batch, (request, verdict) => {
          this.answer(request, verdict !== 'refused', output.position)
          if (verdict === 'applied') applied.push(request)
          if (verdict === 'duplicate') this.parts.took('retry of an event that was in')
        })
        for (const request of applied) this.parts.onApplied(this, request)
        return
      }
      case 'view':
        this.log.applyView(output.view)
        return
      case 'restore':
        this.log.restore(output.state)
        return
      case 'reincarnated':
        // What it submitted under the old incarnation may or may not be in the order: it is submitted again.
        for (const pending of this.pending) pending.token = 0
        return
      case 'unsent':
        for (const request of output.requests) {
          const { token } = decodeRequestOf(request)
          this.parts.observe({ type: 'unsent', process: this.process.id, token })
          this.dropped(token)
        }
        return
      default:
        return
    }
  }

  turnEnded(): void {
    if (this.applying || !this.pending.some((pending) => pending.token === 0)) return
    this.applying = true
    // In the old order: what follows one that is not taken waits too.
    for (const pending of this.pending) if (pending.token === 0 && !this.submit(pending)) break
    this.applying = false
  }

  private submit(pending: Pending): boolean {
    const token = this.parts.nextToken()
    const refusal = this.process.submit(encodeRequest({ ...pending, token }, pending.padding), token)
    if (refusal === 'overloaded') this.parts.took('request refused: overloaded')
    if (refusal === undefined) pending.token = token
    return refusal === undefined
  }

  private answer(request: LogRequest, confirmed: boolean, position: number): void {
    const at = this.pending.findIndex(
      (pending) => pending.publisher === request.publisher && pending.sequence === request.sequence,
    )
    if (at < 0) return
    const [pending] = this.pending.splice(at, 1)
    if (confirmed)
      this.parts.observe({
        type: 'acknowledged',
        process: this.process.id,
        history: this.history,
        position,
        token: request.token,
      })
    pending?.answer(confirmed)
  }

  private dropped(token: Token): void {
    const at = this.pending.findIndex((pending) => pending.token === token)
    if (at < 0) return
    const [pending] = this.pending.splice(at, 1)
    pending?.answer(false)
  }
}

function decodeRequestOf(request: Uint8Array): { token: Token } {
  return { token: new DataView(request.buffer, request.byteOffset, request.byteLength).getUint32(0, true) }
}
