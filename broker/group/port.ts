// What goes into a member and what comes out of it. A driver feeds inputs and does the outputs, strictly in their
// order: what follows a view belongs to that view.

import type { Incarnation, MemberId, View } from './view.ts'

/**
 * How much order is waited for, the least and fastest first. `fifo`: all earlier slots of the sender. `causal`: besides,
 * everything that the sender held when it made the slot. `agreed`: everything before it in the order. What comes by these
 * three may be taken back, and changes no replicated state. (Birman, Schiper and Stephenson 1991; Amir et al., Totem, 1995.)
 */
export const EARLY_LEVELS = ['fifo', 'causal', 'agreed'] as const
export type EarlyLevel = (typeof EARLY_LEVELS)[number]

/** Milliseconds of a clock that never goes back. Only differences mean anything. */
export type Instant = number

export type Input =
  | { readonly type: 'tick' }
  /** The end of an event-loop turn in which something else was put in: what gathered may leave now. */
  | { readonly type: 'turn' }
  | { readonly type: 'datagram'; readonly datagram: Uint8Array }
  /** The fabric says whether it is reachable from here. */
  | { readonly type: 'linked'; readonly linked: boolean }
  /** Somebody has reason to believe that this member is gone: it is probed, and suspected only if it does not answer. */
  | { readonly type: 'hint'; readonly incarnation: Incarnation }
  /**
   * The application's answer to `takeSnapshot`: its state after everything that was delivered until then, in as many
   * pieces as it likes; they must not be changed afterwards.
   */
  | { readonly type: 'snapshot'; readonly state: readonly Uint8Array[] }
  /** Whether from now on slots come out as `early`, which at first they do not: it costs, and few want it. */
  | { readonly type: 'showEarly'; readonly wanted: boolean }
  /** Leave the group: what was submitted is seen safe first, then `exit` comes out. */
  | { readonly type: 'leave' }

export type Output =
  | { readonly type: 'send'; readonly to: Incarnation | 'everyone'; readonly datagram: Uint8Array }
  /** Safe: every member of the view holds it, and everything before it in the order was delivered. */
  | {
      readonly type: 'deliver'
      readonly position: number
      readonly view: number
      readonly slot: number
      readonly sender: MemberId
      readonly batch: Uint8Array
    }
  /**
   * Shown before it is safe, where that is wanted. Each slot at most once a level, fifo before causal before agreed before
   * `deliver`.
   */
  | ({ readonly type: 'early' } & EarlySlot)
  /**
   * Will not be delivered in its view: taken back from all who were shown it, at this level and those before. From a member
   * that goes on to the next view only what was shown as fifo is ever taken back.
   */
  | ({ readonly type: 'retract' } & EarlySlot)
  | ViewOutput
  /** Answer with the input `snapshot` before any further input. */
  | { readonly type: 'takeSnapshot' }
  /** Replace the application's state by this one, which is as of `position` in the order, within `view`. */
  | { readonly type: 'restore'; readonly position: number; readonly view: View; readonly state: Uint8Array }
  /** The member was put out of the group and lives on as an observer under this incarnation. */
  | { readonly type: 'reincarnated'; readonly incarnation: Incarnation; readonly reason: string }
  /** Requests that were queued and will not be sent: `submit` would refuse them now. */
  | { readonly type: 'unsent'; readonly requests: readonly Uint8Array[]; readonly why: SubmitRefusal }
  | { readonly type: 'note'; readonly note: Note }
  /** Nothing comes out any more: it has left, or must not go on. */
  | { readonly type: 'exit'; readonly reason: string }

export interface EarlySlot {
  readonly level: EarlyLevel
  readonly view: number
  readonly slot: number
  readonly sender: MemberId
  readonly batch: Uint8Array
}

export interface ViewOutput {
  readonly type: 'view'
  readonly position: number
  readonly view: View
  readonly joined: readonly MemberId[]
  readonly left: readonly MemberId[]
  readonly failed: readonly MemberId[]
  /** Whether this member is one of its members; an observer catching up also sees views. */
  readonly member: boolean
  /** How many attempts at the change this member has heard of. 0: it saw the view in the order alone. */
  readonly attempts: number
}

/** What an operator may want to read in the log; nothing depends on them. */
export type Note =
  | { readonly type: 'suspected'; readonly member: MemberId; readonly why: 'silent' | 'probe' | 'stalled' }
  | { readonly type: 'suspicionWithdrawn'; readonly member: MemberId }
  | { readonly type: 'wedged'; readonly view: number; readonly coordinator: string }
  | { readonly type: 'changeStarted'; readonly view: number; readonly attempt: number; readonly why: string }
  | { readonly type: 'changeGivenUp'; readonly view: number; readonly attempt: number; readonly why: string }
  | { readonly type: 'paused'; readonly ms: number }
  /** `bytes` of a snapshot of `total` are there; 0 of 0: it pulls the log's tail. */
  | {
      readonly type: 'catchingUp'
      readonly position: number
      readonly head: number
      readonly bytes: number
      readonly total: number
    }
  | { readonly type: 'wantsIn'; readonly position: number }
  | { readonly type: 'joinerNotReady'; readonly member: MemberId; readonly banMs: number }
  | { readonly type: 'joinerRefused'; readonly member: MemberId; readonly why: string }
  | { readonly type: 'refused'; readonly why: string }
  /**
   * A member that is connected to no quorum of its view, or whose change of view hangs: nothing is delivered. In view 0: a
   * founder that does not hear the whole roster.
   */
  | { readonly type: 'blocked'; readonly view: number; readonly ms: number; readonly unheard: readonly string[] }
  /** The member's application has another state than ours at an equal position. */
  | { readonly type: 'diverged'; readonly member: MemberId; readonly position: number }
  /** An observer that has caught up with a group, or begun to, and hears no member of it any more. */
  | { readonly type: 'groupUnheard'; readonly ms: number }
  | { readonly type: 'foreignHistory'; readonly member: string; readonly history: number }
  | { readonly type: 'namesake'; readonly member: MemberId }

/** Why a request was not taken. */
export type SubmitRefusal = 'overloaded' | 'not-member' | 'leaving' | 'too-few-replicas' | 'too-large'

export type Role = 'founding' | 'observer' | 'member' | 'exited'

export interface MemberStatus {
  readonly self: MemberId
  readonly role: Role
  /** The installed view; for an observer the one that its position is in; undefined: none yet. */
  readonly view: View | undefined
  readonly rank: number
  readonly wedged: boolean
  /** A member, connected to a quorum of its view on fresh evidence, and not held up by a change that hangs. */
  readonly primary: boolean
  /** Entries of the order delivered here. */
  readonly position: number
  /** The furthest position that is known to exist. */
  readonly head: number
  readonly suspected: readonly string[]
  readonly stalled: readonly string[]
  /** Slots that were seen or heard of here, or own requests, wait to become safe. */
  readonly waiting: boolean
  /** The snapshot that an observer is being given, in bytes; both 0: none. */
  readonly snapshot: { readonly received: number; readonly total: number }
  readonly leaving: boolean
  readonly queueRequests: number
  readonly queueBytes: number
  /** Own payload slots that are not yet stable. */
  readonly unstableSlots: number
  readonly windowBytes: number
  readonly logEntries: number
  readonly logBytes: number
  readonly counters: Readonly<Counters>
}

/** How far another member is behind this one, as known from what it says that it holds. */
export interface MemberLag {
  readonly name: string
  /** It is not heard, or stalls. */
  readonly suspected: boolean
  /** Own payload slots that it is not known to hold. */
  readonly slots: number
  /** Since the oldest of them was there at a tick. */
  readonly ms: number
}

/** What a missing slot is asked for, or given, for. */
export type RepairCause = 'lost' | 'view-change' | 'join'

export interface Counters {
  /** By message kind. */
  sent: Record<string, number>
  received: Record<string, number>
  sentBytes: number
  receivedBytes: number
  /** Datagrams dropped, by reason. */
  dropped: Record<string, number>
  repairsAsked: Record<RepairCause, number>
  repairsGiven: Record<RepairCause, number>
  suspicions: number
  suspicionsWithdrawn: number
  probesFailed: number
  probesAnswered: number
  viewChangesStarted: number
  divergences: number
}
