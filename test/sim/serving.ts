// What clients of a simulated replica can ask for, whether it runs the small log or the real broker.

import type { Order } from '../../broker/http/operations.ts'
import type { Replica } from './process.ts'

export interface SimulatedEvent {
  readonly publisher: number
  readonly sequence: number
  /** Its place in the order of events, for resuming. */
  readonly place: number
}

export interface ReadPlace {
  readonly history: number
  /** The last place that was read. */
  readonly place: number
}

/** Below `safe`: an event that has no place yet, or what became of one. */
export interface EarlyTold extends SimulatedEvent {
  readonly told: 'early' | 'kept' | 'retract'
}

/** A subscriber's connection to one replica. */
export interface Reader {
  /** The next events, at most so many; a string is a gap that was told of. */
  read(most: number): (SimulatedEvent | EarlyTold | string)[]
  readonly place: number
  close(): void
}

export interface ServingReplica extends Replica {
  /** Of the group that it belongs to; 0: none yet. */
  readonly history: number
  /** Whether it was taken; then it is answered, unless the process dies first. */
  publish(publisher: number, sequence: number, padding: number, answer: (confirmed: boolean) => void): boolean
  /** Connects after a place, or at the beginning. */
  subscribe(after: ReadPlace | undefined, order?: Order): Reader
  /** Changes something that publishers rely on. */
  meddle(random: number): void
}
