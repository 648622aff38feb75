// What members say to each other. `codec.ts` turns it to and from bytes; `README.md` says who answers what and when.

import type { Digest } from './agreement.ts'
import type { Incarnation, MemberId, Ranks } from './view.ts'

/**
 * Names one attempt to change a view: attempt and rank in one number, so that ballots compare as numbers and no two
 * members ever use the same one. 0: none.
 */
export type Ballot = number

const RANKS_A_ATTEMPT = 32

export function ballotOf(attempt: number, rank: number): Ballot {
  return attempt * RANKS_A_ATTEMPT + rank
}

export function attemptOf(ballot: Ballot): number {
  return Math.floor(ballot / RANKS_A_ATTEMPT)
}

export function ownerOf(ballot: Ballot): number {
  return ballot % RANKS_A_ATTEMPT
}

/** Every datagram begins with this. */
export interface Envelope<M extends Message = Message> {
  /** 0: the sender belongs to no group yet. */
  readonly history: number
  /** The view that the sender speaks in; 0: the roster before the first view, or none. */
  readonly view: number
  readonly sender: Pick<MemberId, 'name' | 'incarnation'>
  readonly message: M
}

/**
 * A member's r-th turn in a view, if it had something to say. Immutable, and repaired verbatim: who repairs it speaks
 * of the slot, not of himself.
 */
export interface Slot {
  /** Rank of the sender in the view of the slot. */
  readonly sender: number
  readonly slot: number
  /** The sender's payload slot before this one; all between are null. 0: there is none. */
  readonly previousPayload: number
  /**
   * By rank, the last payload slot that the sender held when it made this one. Payload slots, not `held`: that counts
   * nulls too, which the trim may drop.
   */
  readonly causes: readonly number[]
  readonly batch: Uint8Array
}

export interface HeaderFields {
  readonly rank: number
  /** All slots of the sender up to this are fixed. */
  readonly watermark: number
  /** The last payload slot at or below the watermark. */
  readonly lastPayload: number
  /** By rank, the highest slot such that the sender holds every slot up to it. */
  readonly held: readonly number[]
  readonly hears: Ranks
  /** Something known here is not safe and nobody speaks: tell me your header. */
  readonly ask: boolean
  readonly leaving: boolean
  /** The sender's newest digest: what its application's state comes to at a position. Members that agree say the same. */
  readonly digest: Digest
}

/** Whoever gets a proposal can install from it alone, and all tell the left from the failed alike. */
export interface Proposal {
  /** The ballot at which it was first proposed; kept when a later coordinator adopts it. */
  readonly birth: Ballot
  readonly history: number
  /** The view that it ends; its members become those of `view + 1`. */
  readonly view: number
  readonly oldMembers: readonly MemberId[]
  readonly members: readonly MemberId[]
  /** Which of the old members leave of their own will. */
  readonly leaving: readonly Incarnation[]
  /** By rank in the old view, the last payload slot that the next view keeps. */
  readonly trim: readonly number[]
}

export type SlotMessage = { readonly kind: 'slot'; readonly record: Slot } & HeaderFields

export type Message =
  | ({ readonly kind: 'header' } & HeaderFields)
  | SlotMessage
  | { readonly kind: 'want'; readonly rank: number; readonly from: number; readonly to: number }
  /** What of `from..to` is not among the records is null. `slotsView` may be one behind the answerer's own view. */
  | {
      readonly kind: 'repair'
      readonly slotsView: number
      readonly rank: number
      readonly from: number
      readonly to: number
      readonly records: readonly Slot[]
    }
  | { readonly kind: 'beat'; readonly promised: Ballot; readonly hears: Ranks; readonly leaving: boolean }
  | { readonly kind: 'ping'; readonly number: number }
  | { readonly kind: 'pong'; readonly number: number }
  | { readonly kind: 'collect'; readonly ballot: Ballot; readonly hears: Ranks }
  | StateMessage
  | { readonly kind: 'refuse'; readonly ballot: Ballot }
  | CutMessage
  | { readonly kind: 'ready'; readonly ballot: Ballot }
  | {
      readonly kind: 'propose'
      readonly ballot: Ballot
      readonly proposal: Proposal
      /** By rank in the old view, the rank of a member that holds the trim of it. */
      readonly holders: readonly number[]
    }
  | { readonly kind: 'accept'; readonly ballot: Ballot }
  | { readonly kind: 'install'; readonly proposal: Proposal }
  | { readonly kind: 'missed' }
  | { readonly kind: 'out'; readonly members: readonly MemberId[] }
  | JoinMessage
  | { readonly kind: 'pull'; readonly position: number; readonly snapshot: number; readonly offset: number }
  | LogMessage
  | ChunkMessage

/** A member's answer to Collect: what it holds, whom it hears, what it has accepted. */
export interface StateMessage {
  readonly kind: 'state'
  readonly ballot: Ballot
  readonly url: string
  /** By rank, the last payload slot up to which everything is held. */
  readonly held: readonly number[]
  readonly hears: Ranks
  readonly observersHeard: readonly Incarnation[]
  readonly leaving: boolean
  readonly accepted: { readonly ballot: Ballot; readonly proposal: Proposal } | undefined
  readonly position: number
  readonly settings: string
}

/** What a joiner must hold before it is a member: the log up to `position`, and the slots from there to the trim. */
export interface CutMessage {
  readonly kind: 'cut'
  readonly ballot: Ballot
  readonly members: readonly MemberId[]
  readonly trim: readonly number[]
  readonly position: number
  /** By rank, the last payload slot that is within `position`. */
  readonly floor: readonly number[]
}

export interface JoinMessage {
  readonly kind: 'join'
  readonly url: string
  readonly position: number
  readonly heard: readonly Incarnation[]
  readonly wantsIn: boolean
  readonly settings: string
}

/** One place in the order: a payload slot, or the change to the next view. */
export type LogEntry =
  | {
      readonly kind: 'slot'
      readonly view: number
      readonly slot: number
      readonly rank: number
      readonly batch: Uint8Array
    }
  | { readonly kind: 'view'; readonly proposal: Proposal }

/** The slot of the last entry at or before a position, within its view: slot 0 right after the change of view. */
export interface OrderKey {
  readonly slot: number
  readonly rank: number
}

export interface LogMessage {
  readonly kind: 'log'
  /** Position of the first entry. */
  readonly from: number
  readonly entries: readonly LogEntry[]
  /** The donor's own position. */
  readonly head: number
  /** The donor's settings, if the observer's are others. */
  readonly settings: string
}

export interface ChunkMessage {
  readonly kind: 'chunk'
  /** Names the snapshot: the position that it is of. */
  readonly position: number
  readonly head: number
  readonly key: OrderKey
  /** The view of that position. */
  readonly number: number
  readonly members: readonly MemberId[]
  readonly total: number
  readonly offset: number
  readonly bytes: Uint8Array
}
