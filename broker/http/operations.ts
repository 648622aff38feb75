// The few operations that the HTTP side needs of a replica. `broker.ts` has them; nothing here knows how.

import type { Outcome } from '../errors.ts'

/** JSON Schema as a plain value. */
export type SchemaDocument = boolean | { readonly [key: string]: unknown }

export interface Retention {
  /** How many of the newest events are kept, at most. 0: no limit of this kind. */
  readonly events: number
  /** How many bytes of the newest events are kept, at most. 0: no limit of this kind. */
  readonly bytes: number
  /** How old an event may get, in milliseconds of the group's own ordered time. 0: no limit of this kind. */
  readonly ageMs: number
}

export type Compatibility = 'backward' | 'none'

export interface TopicDescription {
  readonly topic: string
  /** 0: the topic is untyped. */
  readonly schemaVersion: number
  readonly compatibility: Compatibility
  readonly retention: Retention
  /** Offset of the newest event; 0: there has been none. */
  readonly offset: number
  readonly oldestOffset: number
  readonly events: number
  readonly bytes: number
}

/** An event on its way in. Text fields that are left out get their default where the event is read. */
export interface NewEvent {
  /** The JSON text of the event's data, as it came in. Already validated as JSON. */
  readonly data: Uint8Array
  /** The parsed data, where the caller has it: its schema can judge it without parsing it again. */
  readonly value?: unknown
  /** Of the data, where the caller knows without having them at hand. */
  readonly dataBytes?: number
  /** JSON pointer of the data in the request's body, '' for all of it: faults of the data are given below it. */
  readonly path?: string
  readonly key?: string
  readonly id?: string
  readonly type?: string
  readonly source?: string
  /** RFC 3339. */
  readonly time?: string
  /** CloudEvents attributes that Lockstep has no field for, by name; kept and given back. */
  readonly extensions?: { readonly [name: string]: string | number | boolean }
}

/** A place in a trace, as W3C Trace Context writes it. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string
}

export interface PublishRequest {
  readonly topic: string
  /** All or nothing, in this order, at contiguous places. At least one. */
  readonly events: readonly NewEvent[]
  /** Makes the request idempotent: `sequence` numbers the first event, the others follow. */
  readonly publisher?: { readonly id: string; readonly sequence: number }
  /** The events as the log keeps them, where the caller has them so: they need not be packed again. */
  readonly packed?: Uint8Array
  /** The trace that the request itself belongs to; its events have their own. */
  readonly trace?: TraceContext
}

export interface Published {
  readonly history: string
  /** Position of the first event; the others follow without holes, in `seq` and in `offset`. */
  readonly seq: number
  readonly offset: number
  readonly count: number
  readonly duplicate: boolean
  /** False for a duplicate whose first position is no longer remembered; `seq` and `offset` are then 0. */
  readonly positionKnown: boolean
}

/** Events that match may be gone between these places, both included. */
export interface GapNotification {
  readonly type: 'gap'
  readonly from: number
  readonly to: number
  readonly reason: GapReason
}

/** What a subscriber is given, in order. */
export type Notification =
  | { readonly type: 'event'; readonly event: ReadEvent }
  /** Before it has its place. Only below `safe`. */
  | { readonly type: 'early'; readonly event: EarlyEvent }
  | Told

/** The same by blocks. */
export type BlockNotification = EventBlock | (EarlyBlock & { readonly type: 'early' }) | Told

export type Told =
  | { readonly type: 'view'; readonly seq: number; readonly view: ViewNotice }
  | GapNotification
  /** Of what was shown early, these have their places now. */
  | ({ readonly type: 'kept'; readonly seq: number; readonly offset: number } & EarlyRange)
  /** These are taken back. */
  | ({ readonly type: 'retract' } & EarlyRange)

/** Events that were published in one go and shown early; the numbers, places and offsets of the others follow. */
export interface EarlyRange {
  readonly topic: string
  readonly numbered: Numbered
  readonly count: number
}

/** The name of an event that has no place yet: who numbered it, also where a replica gave the id, and how. */
export interface Numbered {
  readonly by: string
  readonly number: number
}

/** How much order is waited for: `broker/group/README.md`. */
export type Order = 'fifo' | 'causal' | 'agreed' | 'safe'

/** Events of one topic that were published together, as they lie in the log. */
export interface EventBlock extends EarlyBlock {
  readonly type: 'block'
  /** Places of the first event; the others follow without holes. */
  readonly seq: number
  readonly offset: number
}

export interface EarlyBlock {
  readonly topic: string
  readonly publisher: string | undefined
  /** The first event; the numbers of the others follow. */
  readonly numbered: Numbered
  readonly schemaVersion: number
  /** Milliseconds since 1970: of events that have no time of their own. */
  readonly time: number
  readonly count: number
  /** Where each record ends, a u32 each, counted from `base` before the first. */
  readonly table: Uint8Array
  readonly base: number
  readonly records: Uint8Array
}

export type GapReason = 'retention' | 'topic-deleted' | 'history-changed'

/** A stored event as a reader sees it. `data` is the JSON text as it came in. */
export interface ReadEvent {
  readonly seq: number
  readonly offset: number
  readonly topic: string
  readonly id: string
  readonly type: string
  readonly source: string
  readonly time: string
  readonly key: string | undefined
  readonly schemaVersion: number
  readonly publisher: string | undefined
  readonly numbered: Numbered
  readonly extensions: { readonly [name: string]: string | number | boolean } | undefined
  /** The JSON text: a view into memory that is used again, to be read or copied before the turn is over. */
  readonly data: Uint8Array
}

/** What it was not given gets no default: its `id` would be made of its place. */
export type EarlyEvent = Omit<ReadEvent, 'seq' | 'offset' | 'id'> & { readonly id: string | undefined }

export interface MemberDescription {
  readonly name: string
  readonly incarnation: string
  readonly url: string
  readonly rank: number
}

export interface ViewNotice {
  readonly number: number
  readonly members: readonly MemberDescription[]
  readonly joined: readonly string[]
  readonly left: readonly string[]
  readonly failed: readonly string[]
}

/** Where a subscription begins: after this place, or at a time. */
export type From =
  | { readonly at: 'now' }
  | { readonly at: 'start' }
  | { readonly at: 'seq'; readonly seq: number } // the first event wanted
  | { readonly at: 'time'; readonly ms: number } // milliseconds since 1970; the first event stored at or after it
  | { readonly at: 'token'; readonly history: string; readonly seq: number } // the last event seen

/**
 * A reader's cursor. It costs a place in the order, not a queue: nothing is kept for a reader that does not read.
 */
export interface Cursor {
  /**
   * The next notifications, at most `most` of them and about `bytes` bytes of data; empty: there are none now. Their bytes
   * are views, to be read or copied before the turn is over.
   */
  next(most: number, bytes: number): Notification[]
  /** The same without a look into the events. */
  nextBlocks(bytes: number): BlockNotification[]
  /** Everything up to here was given, or does not match: the place of a resume token. */
  readonly seq: number
  /** Below `safe`: it has been at the head of the order, and shown all that was open there at its level. */
  readonly current: boolean
  /** Calls once, soon after there may be more. A later call replaces the earlier one. */
  onMore(wake: () => void): void
  close(): void
}

export interface SubscribeOptions {
  readonly views: boolean
  readonly order?: Order
}

export interface ClusterStatus {
  readonly history: string
  readonly view: { readonly number: number; readonly members: readonly MemberDescription[] }
  /** This replica's name. */
  readonly self: string
  readonly incarnation: string
  /** In a primary view, connected to a quorum of it, and caught up. */
  readonly primary: boolean
  readonly state: 'founding' | 'observer' | 'member' | 'stopped'
  /** Why not primary, in words for an operator. */
  readonly reason?: string
  readonly seq: number
  readonly digest: string
  readonly clients: number
  /** Members that this one suspects now, by name. */
  readonly suspected: readonly string[]
  /** It has stopped taking part in its view: a change of view is under way. */
  readonly wedged: boolean
  /** Entries of the group's order that were delivered here, and how many are known to exist: less while catching up. */
  readonly position: number
  readonly head: number
}

/** What has happened to this replica, or to others as far as it sees. `name`: of the other replica. */
export type ClusterHappening =
  | { readonly kind: 'suspected'; readonly name: string; readonly why: 'silent' | 'probe' | 'stalled' }
  | { readonly kind: 'suspicion-withdrawn'; readonly name: string }
  | { readonly kind: 'wedged'; readonly view: number; readonly coordinator: string }
  | { readonly kind: 'change-started'; readonly view: number; readonly attempt: number; readonly why: string }
  | { readonly kind: 'change-given-up'; readonly view: number; readonly attempt: number; readonly why: string }
  /** `member`: this replica is in it. One that catches up sees views, too. */
  | ({ readonly kind: 'view'; readonly member: boolean } & ViewNotice)
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

/** With the time by this replica's clock, and the place in the order that it was at. */
export type ClusterChange = { readonly at: string; readonly seq: number } & ClusterHappening

export interface Limits {
  readonly eventBytesMax: number
  readonly requestBytesMax: number
  readonly requestEventsMax: number
  readonly schemaBytesMax: number
  readonly topicsMax: number
  readonly topicNameBytesMax: number
  readonly connectionsMax: number
  readonly bodiesBytesMax: number
}

/**
 * Refusals are thrown as `BrokerError`. A publish resolves when its events are safe: every member of the view holds
 * them. It rejects with `details.outcome` set to what is known of the events then.
 */
export interface Operations {
  readonly limits: Limits
  publish(request: PublishRequest): Promise<Published>
  putTopic(
    topic: string,
    settings: { schema?: SchemaDocument; retention?: Partial<Retention>; compatibility?: Compatibility },
  ): Promise<{ created: boolean; description: TopicDescription }>
  deleteTopic(topic: string): Promise<void>
  describeTopic(topic: string): TopicDescription
  listTopics(): TopicDescription[]
  schema(topic: string, version: number | 'latest'): { version: number; schema: SchemaDocument }
  /** The number that a publisher should use next; undefined: it is not known, and may begin anywhere. */
  nextSequence(publisher: string): number | undefined
  /**
   * `patterns`: topic names or wildcards, at least one. `views`: also notify of views at their places in the order. `order`:
   * `safe`, unless another level is asked for.
   */
  subscribe(patterns: readonly string[], from: From, options: SubscribeOptions): Cursor
  cluster(): ClusterStatus
  /** Calls with each change from now on, until the function that it returns is called. */
  watchCluster(tell: (change: ClusterChange) => void): () => void
  /** Why a publish would not become safe here soon, in words for an operator; undefined: nothing speaks against it. */
  unready(): string | undefined
  metrics(format: MetricsFormat): Promise<MetricsText>
}

/** Prometheus' own text, or OpenMetrics, which can name a trace beside a number. */
export type MetricsFormat = 'prometheus' | 'openmetrics'

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

export type { Outcome }
