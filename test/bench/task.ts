// What the bench and the processes that it measures say to each other, over the channel of `fork`.

/** What a process is started for; travels as JSON in its arguments. */
export interface Task {
  /** The NATS server, or the replica. */
  readonly url: string
  /** One run of one workload: nobody else hears it. */
  readonly group: string
  readonly name: string
  readonly roster: readonly string[]
  readonly work: 'flood' | 'json' | 'steady' | 'echo' | 'echo-all' | 'publish' | 'read'
  readonly eventBytes: number
  /** For the raw peer: events are packed into messages of so many bytes; 0: one event a message. */
  readonly packBytes: number
  /** Events a second that a client publishes; none: as many as are taken. */
  readonly rate?: number
  readonly spread?: Spread
}

/** How a publisher's events go to topics. */
export interface Spread {
  /** Named by `topicOf`. */
  readonly topics: number
  /** One after another to the same topic, then as many to the next one. */
  readonly inARow: number
  /** `trades` have at least some 90 bytes, `fills` 8. */
  readonly events: 'trades' | 'fills'
}

export const topicOf = (i: number): string => `growth.t${i}`
export const ALL_TOPICS = 'growth.>'

/** Instants in milliseconds since 1970: one clock for all processes of the machine. */
export interface Window {
  readonly from: number
  readonly until: number
}

export type Order = { readonly type: 'measure'; readonly window: Window } | { readonly type: 'stop' }

export type Report =
  | { readonly type: 'ready' }
  | { readonly type: 'measured'; readonly measured: Measured }
  | { readonly type: 'failed'; readonly why: string }

export interface Measured {
  /** Events that reached this process within the window: safe ones, or for the raw peer those of the others. */
  readonly events: number
  /** How long the window really was. */
  readonly seconds: number
  /** Of the processor, within the window; of one core. */
  readonly cpuShare: number
  /** Milliseconds, one for each measured event. */
  readonly latencies: readonly number[]
  /** What else was counted from the start: losses, repairs, batches. */
  readonly counts: Readonly<Record<string, number>>
}

/** The events a second of the steady workloads, by all members together. */
export const STEADY_A_SECOND = 500
