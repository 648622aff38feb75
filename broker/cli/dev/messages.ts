// What the main thread and the thread of a replica say to each other, besides datagrams.

import type { ReplicaConfig } from '../../config.ts'
import type { ErrorCode, ErrorDetails } from '../../errors.ts'
import type { Line } from '../../fabric/thread.ts'
import type { Act, PlayState } from '../../http/play.ts'
import type { Ending } from '../../replica.ts'

/** What a replica's thread begins with. */
export interface ThreadData {
  readonly config: ReplicaConfig
  readonly line: Line
  readonly processMetrics: boolean
  /** The addresses of all replicas, where they are known already. */
  readonly urls: readonly string[]
  /** While its first number is not 0 the thread stands still when it is told to. */
  readonly still: SharedArrayBuffer
}

export type ToThread =
  | { readonly type: 'stop' }
  | { readonly type: 'standStill' }
  /** The addresses of all replicas, once they are known. */
  | { readonly type: 'urls'; readonly urls: readonly string[] }
  | { readonly type: 'done'; readonly ask: number; readonly state: PlayState }
  | {
      readonly type: 'refused'
      readonly ask: number
      readonly code: ErrorCode
      readonly message: string
      readonly details: ErrorDetails
    }

export type FromThread =
  | { readonly type: 'listening'; readonly url: string }
  /** As a `ConfigError` says it. */
  | { readonly type: 'cannotStart'; readonly problems: readonly string[] }
  | { readonly type: 'ready' }
  /** The last that is heard before it goes on. */
  | { readonly type: 'standing' }
  | { readonly type: 'ended'; readonly ending: Ending }
  | ({ readonly type: 'ask' } & Ask)
  | { readonly type: 'answered'; readonly ask: number }

/** Without an act: how it is. */
export interface Ask {
  readonly ask: number
  readonly act?: Act
}
