// What can be seen of a run from outside: the outputs of members, what was asked of them, what crossed the fabric, who
// died. The checkers know nothing else, so a member cannot agree with them by sharing a mistake.

import type { EarlyLevel } from '../../broker/group/port.ts'
import type { Incarnation } from '../../broker/group/view.ts'

/** One life of one replica process, as the world counts them: "b#2" is the second process called b. */
export type ProcessName = string

/** Names one submission, by the world: a retry of the same event is another submission. */
export type Token = number

export type Observation =
  | { readonly type: 'started'; readonly process: ProcessName; readonly incarnation: Incarnation }
  | { readonly type: 'died'; readonly process: ProcessName }
  | { readonly type: 'reincarnated'; readonly process: ProcessName; readonly incarnation: Incarnation }
  | ViewObserved
  | Delivered
  | Restored
  /** A member took a request. */
  | {
      readonly type: 'submitted'
      readonly process: ProcessName
      readonly incarnation: Incarnation
      readonly token: Token
    }
  /** Shown before it was safe, or taken back. */
  | EarlyObserved
  /** A member gave a request back: it was not sent and never will be. */
  | { readonly type: 'unsent'; readonly process: ProcessName; readonly token: Token }
  /** A payload slot reached a process that is a member of the view of the slot. */
  | {
      readonly type: 'received'
      readonly process: ProcessName
      readonly history: number
      readonly view: number
      readonly rank: number
      readonly slot: number
      readonly previousPayload: number
      /** A repair that does not begin where it is needed is dropped whole: its slots are not known by it. */
      readonly by: 'slot' | 'repair'
    }
  /** A publisher was told that its submission is in. */
  | {
      readonly type: 'acknowledged'
      readonly process: ProcessName
      readonly history: number
      readonly position: number
      readonly token: Token
    }
  /** The digest of the application's state as of a position. */
  | {
      readonly type: 'state'
      readonly process: ProcessName
      readonly history: number
      readonly position: number
      readonly digest: string
    }
  /** The bytes of a snapshot that was taken, as their checksum. */
  | {
      readonly type: 'snapshot'
      readonly process: ProcessName
      readonly history: number
      readonly position: number
      readonly bytes: number
      readonly checksum: number
    }
  /** A publisher that tries again until it is told was told at last. */
  | { readonly type: 'confirmed'; readonly publisher: string; readonly sequence: number }
  /** A subscriber, wherever it is connected now, was given an event. */
  | {
      readonly type: 'notified'
      readonly subscriber: string
      readonly publisher: string
      readonly sequence: number
      /** Where in the order the subscriber was told that it is. */
      readonly place: number
      /** It was shown before, and is kept. */
      readonly kept?: boolean
    }
  /** A subscriber below `safe` was shown an event that has no place yet, or it was taken back. */
  | {
      readonly type: 'shown' | 'takenBack'
      readonly subscriber: string
      readonly order: EarlyLevel
      readonly publisher: string
      readonly sequence: number
    }
  /** A subscriber was told that it missed something. Nothing is dropped in these runs. */
  | { readonly type: 'gap'; readonly subscriber: string; readonly told: string }
  | Ended

export interface ViewObserved {
  readonly type: 'view'
  readonly process: ProcessName
  /** Of the process itself. */
  readonly incarnation: Incarnation
  readonly member: boolean
  readonly history: number
  readonly number: number
  readonly position: number
  readonly members: readonly Incarnation[]
  readonly joined: readonly Incarnation[]
  readonly left: readonly Incarnation[]
  readonly failed: readonly Incarnation[]
}

export interface Delivered {
  readonly type: 'delivered'
  readonly process: ProcessName
  readonly history: number
  readonly position: number
  readonly view: number
  readonly slot: number
  readonly sender: Incarnation
  /** Rank of the sender in the view. */
  readonly rank: number
  /** Checksum of the batch. */
  readonly checksum: number
  readonly tokens: readonly Token[]
}

export interface EarlyObserved {
  readonly type: 'early' | 'retract'
  readonly process: ProcessName
  readonly level: EarlyLevel
  readonly history: number
  readonly view: number
  readonly slot: number
  readonly rank: number
  readonly checksum: number
  readonly tokens: readonly Token[]
}

export interface Restored {
  readonly type: 'restored'
  readonly process: ProcessName
  readonly history: number
  readonly position: number
  readonly view: number
  readonly members: readonly Incarnation[]
}

/** What is found when a run is over: faults stopped, and everybody had time. */
export interface Ended {
  readonly type: 'ended'
  /** The crashes took the quorum of a view that was or may have been chosen: only safety counts. */
  readonly excused: boolean
  readonly processes: readonly EndedProcess[]
  /** Highest sequence that each publisher was told of. */
  readonly confirmed: ReadonlyMap<string, number>
  readonly subscribers: readonly string[]
  /** Submissions taken by an incarnation that still lives, and not delivered. */
  readonly undelivered: readonly Token[]
  /** What is not as it should be, in words, although there was time; for the person who reads the report. */
  readonly complaints: readonly string[]
  /** Datagrams of the idle time after everything was delivered, by kind. */
  readonly idle: { readonly ms: number; readonly sent: Readonly<Record<string, number>> } | undefined
  readonly heartbeatMs: number
}

export interface EndedProcess {
  readonly process: ProcessName
  readonly incarnation: Incarnation
  readonly role: string
  readonly history: number
  readonly view: number
  readonly members: readonly Incarnation[]
  readonly position: number
  /** Slots that it keeps for whoever may ask for them, if one can look. */
  readonly slotsKept?: number
}

/** Watches a run and says in a sentence what was broken, at the moment when it can first be seen. */
export interface Checker {
  readonly id: string
  readonly guarantee: string
  see(observation: Observation): string | undefined
}
