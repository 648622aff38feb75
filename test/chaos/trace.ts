// What is recorded of a run, entry by entry in the order in which it was seen: by clients, by whoever asked replicas for
// their state, and by whoever made the faults. The judges know nothing else, so that a recorded run can be judged again.

import { once } from 'node:events'
import { createWriteStream, rmSync, type WriteStream } from 'node:fs'

/** One life of one replica process: "b#2" is the second process called b. */
export type Life = string

export interface ViewMember {
  readonly name: string
  readonly incarnation: string
}

export type Entry =
  /** Topics exist: from the next place on, all that is in the order are events and views. */
  | { readonly type: 'prepared'; readonly history: string; readonly seq: number }
  /** For the first time. `checksum`: of topic and data. */
  | {
      readonly type: 'published'
      readonly publisher: string
      readonly sequence: number
      readonly topic: string
      readonly checksum: number
    }
  | {
      readonly type: 'acknowledged'
      readonly publisher: string
      readonly sequence: number
      readonly seq: number
      readonly duplicate: boolean
    }
  /** What a request came to that was not answered by 200; only for whoever reads the trace. */
  | {
      readonly type: 'refused'
      readonly publisher: string
      readonly sequence: number
      readonly replica: string
      readonly why: string
    }
  | {
      readonly type: 'subscribed'
      readonly subscriber: string
      readonly replica: string
      readonly token: string | undefined
    }
  | {
      readonly type: 'delivered'
      readonly subscriber: string
      readonly history: string
      readonly seq: number
      readonly offset: number
      readonly topic: string
      readonly publisher: string
      readonly sequence: number
      readonly checksum: number
    }
  | {
      readonly type: 'view'
      readonly subscriber: string
      readonly history: string
      readonly seq: number
      readonly number: number
      readonly members: readonly ViewMember[]
      readonly joined: readonly string[]
      readonly left: readonly string[]
      readonly failed: readonly string[]
    }
  | { readonly type: 'gap'; readonly subscriber: string; readonly told: string }
  | { readonly type: 'started'; readonly replica: Life }
  | { readonly type: 'died'; readonly replica: Life; readonly how: string }
  | ClusterSeen
  | { readonly type: 'fault'; readonly kind: string; readonly phase: 'begins' | 'healed'; readonly what: string }
  | Ended

/** A replica's answer to GET /v1/cluster. */
export interface ClusterSeen {
  readonly type: 'cluster'
  readonly replica: Life
  readonly name: string
  /** Empty: none yet. */
  readonly history: string
  readonly view: number
  readonly members: readonly ViewMember[]
  readonly primary: boolean
  readonly state: string
  readonly seq: number
  readonly digest: string
}

export interface Ended {
  readonly type: 'ended'
  /** Each replica, asked for the last time. */
  readonly replicas: readonly ClusterSeen[]
  readonly subscribers: readonly string[]
  /** What did not come about in time, in words. */
  readonly complaints: readonly string[]
  /** Datagrams sent in an idle time after everything was delivered, by kind. */
  readonly idle: { readonly ms: number; readonly sent: Readonly<Record<string, number>> } | undefined
}

export type Timed = Entry & { readonly at: number }

/** Writes each entry as a line of JSON, and hands it on. */
export class Trace {
  readonly path: string
  /** How many there were. */
  acknowledgements = 0
  private readonly file: WriteStream
  private readonly beganAt: number = performance.now()
  private readonly onEntry: (entry: Timed) => void

  constructor(path: string, onEntry: (entry: Timed) => void) {
    this.path = path
    this.onEntry = onEntry
    this.file = createWriteStream(path)
  }

  add(entry: Entry): void {
    const timed = { at: Math.round(performance.now() - this.beganAt), ...entry }
    if (entry.type === 'acknowledged') this.acknowledgements++
    this.file.write(`${JSON.stringify(timed)}\n`)
    this.onEntry(timed)
  }

  async close(keep = true): Promise<void> {
    this.file.end()
    await once(this.file, 'close')
    if (!keep) rmSync(this.path)
  }
}
