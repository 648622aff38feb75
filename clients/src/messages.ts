// What a replica says in text (PROTOCOL.md).

import type { ErrorCode, Fault } from './errors.ts'

export interface Member {
  readonly name: string
  readonly incarnation: string
  readonly url: string
  readonly rank: number
}

export interface Cluster {
  /** The replica that this client is attached to. */
  readonly replica: string
  readonly incarnation: string
  readonly history: string
  readonly seq: number
  /** Whether it takes publishes. */
  readonly primary: boolean
  readonly view: { readonly number: number; readonly members: readonly Member[] }
  /** Why it is not primary. */
  readonly reason?: string
}

export interface Limits {
  readonly messageBytesMax: number
  readonly eventBytesMax: number
  readonly publishBytesMax: number
  readonly publishEventsMax: number
  /** Of one message; a replica that does not say it takes one. */
  readonly publishesMax?: number
  readonly underWayBytesMax: number
  readonly subscriptionsMax: number
  readonly creditBytesMax: number
}

/** Who numbered the first of them and how, how many, and the place and offset of the first. */
export type KeptRange = readonly [string, number, number, number, number]
export type RetractedRange = readonly [string, number, number]

export type GapReason = 'retention' | 'topic-deleted' | 'history-changed'

/** `sequence`, `count`, `seq`, `offset`, `duplicate`. */
export type PublishedRange = readonly [number, number, number | null, number | null, 0 | 1]

export interface Refused {
  readonly op: 'refused'
  readonly sequence: number
  readonly count: number
  readonly code: ErrorCode
  readonly detail: string
  readonly outcome: 'not-published' | 'unknown'
  readonly errors?: readonly Fault[]
  readonly expected?: number
  readonly retryAfterMs?: number
}

export type ReplicaMessage =
  | ({ readonly op: 'welcome'; readonly limits: Limits; readonly beatMs: number } & Cluster)
  | ({ readonly op: 'cluster' } & Cluster)
  | { readonly op: 'beat' }
  | { readonly op: 'goodbye'; readonly detail: string }
  | { readonly op: 'error'; readonly code: ErrorCode; readonly detail: string }
  | { readonly op: 'pong'; readonly id: string | number }
  | { readonly op: 'publisher'; readonly id: string; readonly next: number | null }
  | { readonly op: 'published'; readonly history: string; readonly ranges: readonly PublishedRange[] }
  | Refused
  | SubscriptionMessage
  | { readonly op: 'progress'; readonly history: string; readonly marks: readonly (readonly [number, number])[] }

export type SubscriptionMessage =
  | { readonly op: 'subscribed'; readonly sub: number; readonly history: string; readonly seq: number }
  | {
      readonly op: 'view'
      readonly sub: number
      readonly seq: number
      readonly number: number
      readonly members: readonly Member[]
      readonly joined: readonly string[]
      readonly left: readonly string[]
      readonly failed: readonly string[]
    }
  | {
      readonly op: 'gap'
      readonly sub: number
      readonly from: number
      readonly to: number
      readonly reason: GapReason
      readonly history: string
    }
  | { readonly op: 'kept'; readonly sub: number; readonly ranges: readonly KeptRange[] }
  | { readonly op: 'retract'; readonly sub: number; readonly ranges: readonly RetractedRange[] }
  | { readonly op: 'current'; readonly sub: number }
  | { readonly op: 'ended'; readonly sub: number; readonly code?: ErrorCode; readonly detail?: string }
