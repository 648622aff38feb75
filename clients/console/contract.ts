// What the console reads of a replica over HTTP, as /openapi.json describes it.

import type { Member } from '../src/index.ts'

export interface ReplicaState {
  /** When it was told, by the replica's clock. */
  readonly at: string
  readonly history: string
  readonly view: { readonly number: number; readonly members: readonly Member[] }
  readonly self: string
  readonly incarnation: string
  readonly primary: boolean
  readonly state: 'founding' | 'observer' | 'member' | 'stopped'
  readonly reason?: string
  readonly seq: number
  readonly digest: string
  readonly clients: number
  readonly suspected: readonly string[]
  readonly wedged: boolean
  readonly position: number
  readonly head: number
}

/** One message of `/v1/cluster/changes`. Kinds that are not named here are of a later version, and shown as they are. */
export type Change = { readonly at: string; readonly seq: number } & (
  | { readonly kind: 'suspected'; readonly name: string; readonly why: string }
  | { readonly kind: 'suspicion-withdrawn'; readonly name: string }
  | { readonly kind: 'wedged'; readonly view: number; readonly coordinator: string }
  | { readonly kind: 'change-started'; readonly view: number; readonly attempt: number; readonly why: string }
  | { readonly kind: 'change-given-up'; readonly view: number; readonly attempt: number; readonly why: string }
  | {
      readonly kind: 'view'
      readonly number: number
      readonly members: readonly Member[]
      readonly joined: readonly string[]
      readonly left: readonly string[]
      readonly failed: readonly string[]
      readonly member: boolean
    }
  | { readonly kind: 'paused'; readonly ms: number }
  | { readonly kind: 'catching-up'; readonly position: number; readonly head: number; readonly bytes: number }
  | { readonly kind: 'took-state'; readonly position: number; readonly bytes: number }
  | { readonly kind: 'wants-in'; readonly position: number }
  | { readonly kind: 'put-out'; readonly why: string }
  | { readonly kind: 'joiner-not-ready'; readonly name: string; readonly banMs: number }
  | { readonly kind: 'joiner-refused'; readonly name: string; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'blocked'; readonly view: number; readonly ms: number; readonly unheard: readonly string[] }
  | { readonly kind: 'diverged'; readonly name: string; readonly position: number }
  | { readonly kind: 'group-unheard'; readonly ms: number }
  | { readonly kind: 'foreign-history'; readonly name: string }
  | { readonly kind: 'namesake'; readonly name: string }
  | { readonly kind: 'stopped'; readonly why: string }
)

export interface TopicInfo {
  readonly topic: string
  readonly schemaVersion: number
  readonly compatibility: string
  readonly retention: { readonly events: number; readonly bytes: number; readonly ageMs: number }
  readonly offset: number
  readonly oldestOffset: number
  readonly events: number
  readonly bytes: number
}

export interface Problem {
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
}
