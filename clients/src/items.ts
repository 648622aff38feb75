// What a subscription gives.

import type { GapReason, Member } from './messages.ts'

export type Extensions = { readonly [name: string]: string | number | boolean }

/** Of an event, whatever it waited for. */
interface Attributes {
  readonly topic: string
  readonly type: string
  readonly source: string
  /** RFC 3339. */
  readonly time: string
  readonly key: string | undefined
  readonly schemaVersion: number
  /** Undefined: it was published without one. */
  readonly publisher: string | undefined
  readonly extensions: Extensions | undefined
}

/** `seq` and `offset` are the same at every replica. */
export interface Event<Data> extends Attributes {
  readonly kind: 'event'
  readonly id: string
  readonly data: Data
  readonly seq: number
  readonly offset: number
  /** To go on after it, in another program or at another time. */
  readonly token: string
}

/** What is waited for before an event is shown, the least first: see README.md. */
export type EarlyOrder = 'fifo' | 'causal' | 'agreed'

/** Below `safe`. What it has no place for is undefined, and is told when it is kept. */
export interface EarlyEvent<Data> extends Attributes {
  readonly kind: 'event'
  /** What `Kept` and `Retract` call it. */
  readonly ref: string
  /** Undefined: it has none of its own, and no place yet. */
  readonly id: string | undefined
  readonly data: Data
  readonly seq: number | undefined
  readonly offset: number | undefined
  readonly token: string | undefined
}

/** An event that was shown has its place now, and is safe. */
export interface Kept {
  readonly kind: 'kept'
  readonly ref: string
  readonly seq: number
  readonly offset: number
  readonly token: string
}

/** An event that was shown is taken back: as if it had never been. It may come again, under the same `ref`. */
export interface Retract {
  readonly kind: 'retract'
  readonly ref: string
}

/** Events that match may be gone between these places: what was derived from them is to be fetched anew. */
export interface Gap {
  readonly kind: 'gap'
  readonly from: number
  readonly to: number
  readonly reason: GapReason
}

export interface View {
  readonly kind: 'view'
  readonly seq: number
  readonly number: number
  readonly members: readonly Member[]
  readonly joined: readonly string[]
  readonly left: readonly string[]
  readonly failed: readonly string[]
}

export type Item<Data> = Event<Data> | Gap | View
export type EarlyItem<Data> = EarlyEvent<Data> | Kept | Retract | Gap | View
