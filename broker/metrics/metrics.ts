// What a replica's metrics count as it happens: only what is over by the time of a scrape, durations and refusals. All
// else is read when it is asked for (`readings.ts`). Nothing here is done for each event: a publish, a read of a
// subscriber, a batch that came back is one call, however many events it has.

import type { Broker, BrokerObserver } from '../broker.ts'
import type { ReplicaConfig } from '../config.ts'
import type { BrokerError } from '../errors.ts'
import type { CountingFabric } from '../fabric/counters.ts'
import type { MemberLag, MemberStatus, Output } from '../group/port.ts'
import type { BlockNotification, MetricsFormat, MetricsText, Notification, Order } from '../http/operations.ts'
import { addReadings, BLOCKED_REASONS, blockedReason } from './readings.ts'
import { Declared, type Described } from './registry.ts'
import { Stopwatch } from './stopwatch.ts'
import { SubscriberRounds } from './subscribers.ts'
import { TopicTally } from './topics.ts'

/** What is read from. */
export interface Watched {
  readonly broker: Broker
  readonly fabric: CountingFabric
  readonly memberStatus: () => MemberStatus
  readonly memberLags: () => readonly MemberLag[]
  readonly clients: () => { readonly connections: number; readonly eventStreams: number; readonly webSockets: number }
  readonly config: ReplicaConfig
}

export interface MetricsOptions {
  readonly now: () => number
  /** Of Lockstep. */
  readonly version: string
  /** Those of the process itself: memory, event loop, garbage collection. They cost, so tests can do without. */
  readonly processMetrics: boolean
}

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export class Metrics implements BrokerObserver {
  readonly topics: TopicTally = new TopicTally()
  readonly wedged: Stopwatch = new Stopwatch()
  readonly blocked: { readonly [reason in (typeof BLOCKED_REASONS)[number]]: Stopwatch } = {
    founding: new Stopwatch(),
    outside: new Stopwatch(),
    'cut-off': new Stopwatch(),
  }
  readonly now: () => number
  private readonly declared = new Declared()
  private watched: Watched | undefined
  private changeSince: number | undefined

  private readonly eventsDelivered = this.declared.counter(
    'events_delivered_total',
    'Events handed to subscribers of this replica. Flat while events are published: subscribers have stopped reading.',
  )
  private readonly publishDuration = this.declared.histogram(
    'publish_duration_seconds',
    'From the arrival of a publish to its acknowledgement. High: the group is slow, overloaded or changing its view.',
    SECONDS,
    { exemplars: true },
  )
  private readonly orderDuration = this.declared.histogram(
    'order_duration_seconds',
    'From handing a request to the group until it comes back at this level; below safe only while somebody reads there. High: a slow member or fabric.',
    SECONDS,
    { labels: ['level'] },
  )
  private readonly refusals = this.declared.counter(
    'publish_refusals_total',
    'Requests refused or given up, by code. NOT_PRIMARY: no majority. OVERLOADED: more is published than is ordered.',
    ['code'],
  )
  private readonly gaps = this.declared.counter(
    'gaps_total',
    'Gaps that subscribers were told of. reason="retention": they read too slowly, or retention is too short.',
    ['reason'],
  )
  private readonly retracted = this.declared.counter(
    'retracted_total',
    'Events that subscribers below safe were shown, and that were taken back. Growing: views change under load.',
  )
  private readonly subscriberLag = this.declared.histogram(
    'subscriber_lag_events',
    'How far subscribers are behind the order, each sampled about once a second. High: they read too slowly.',
    [0, 10, 100, 1000, 10_000, 100_000, 1_000_000],
  )
  private readonly viewChanges = this.declared.counter(
    'view_changes_total',
    'Changes of view, by what they were for: first, join, leave, exclude. Many excludes: pauses or a bad fabric.',
    ['reason'],
  )
  private readonly viewChangeDuration = this.declared.histogram(
    'view_change_duration_seconds',
    'How long publishes stood still for a change of view, as seen here. High: members answer slowly.',
    SECONDS,
  )
  private readonly excluded = this.declared.counter(
    'members_excluded_total',
    'Members that were put out of the view, by all reasons but leaving. They crashed, or were paused for too long.',
  )
  private readonly eventLoopLag = this.declared.histogram(
    'event_loop_lag_seconds',
    'How late the ticks of the group come. Above 0.1: this process is short of CPU, and others may suspect it.',
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  )
  readonly subscribers: SubscriberRounds = new SubscriberRounds((events) => this.subscriberLag.observe(events))

  constructor(options: MetricsOptions) {
    this.now = options.now
    for (const reason of ['retention', 'topic-deleted', 'history-changed']) this.gaps.inc({ reason }, 0)
    for (const reason of ['first', 'join', 'leave', 'exclude']) this.viewChanges.inc({ reason }, 0)
    addReadings(this.declared, this, () => this.watched, options)
    if (options.processMetrics) this.declared.addProcess()
  }

  /** From now on scrapes read these. */
  watch(watched: Watched): void {
    this.watched = watched
  }

  async text(format: MetricsFormat): Promise<MetricsText> {
    const { watched } = this
    this.look()
    if (watched !== undefined) this.topics.keep((topic) => watched.broker.state.topic(topic) !== undefined)
    return this.declared.text(format)
  }

  /** Ours, without those that Node.js has of any process. */
  described(): Described[] {
    return this.declared.described()
  }

  /** `traceId`: of the trace that the publish belongs to, 32 hexadecimal digits; OpenMetrics shows it as an exemplar. */
  published(topic: string, events: number, bytes: number, ms: number, traceId?: string): void {
    const counts = this.topics.of(topic)
    counts.events += events
    counts.bytes += bytes
    const value = ms / 1000
    if (traceId === undefined) this.publishDuration.observe({ value })
    else this.publishDuration.observe({ value, exemplarLabels: { trace_id: traceId } as never })
  }

  ordered(level: Order, ms: number): void {
    this.orderDuration.observe({ level }, ms / 1000)
  }

  refused(error: BrokerError): void {
    this.refusals.inc({ code: error.code })
  }

  schemaRejected(topic: string): void {
    this.topics.of(topic).schemaRejections++
  }

  delivered(notifications: readonly (Notification | BlockNotification)[]): void {
    let events = 0
    for (const notification of notifications) {
      if (notification.type === 'gap') this.gaps.inc({ reason: notification.reason })
      else if (notification.type === 'retract') this.retracted.inc(notification.count)
      else if (notification.type === 'event') events++
      else if (notification.type === 'block') events += notification.count
      else if (notification.type === 'early') events += 'count' in notification ? notification.count : 1
    }
    if (events > 0) this.eventsDelivered.inc(events)
  }

  /** What the group says, before it is done. */
  output(output: Exclude<Output, { type: 'send' | 'takeSnapshot' }>): void {
    if (output.type === 'note') {
      if (output.note.type === 'wedged' || output.note.type === 'changeStarted') this.changeSince ??= this.now()
    } else if (output.type === 'reincarnated') this.changeSince = undefined
    else if (output.type === 'view' && output.member) {
      const { joined, left, failed, view } = output
      this.viewChanges.inc({
        reason: view.number === 1 ? 'first' : failed.length > 0 ? 'exclude' : left.length > 0 ? 'leave' : 'join',
      })
      this.excluded.inc(failed.length)
      const isNew = joined.some((member) => member.incarnation === this.watched?.memberStatus().self.incarnation)
      if (this.changeSince !== undefined && !isNew)
        this.viewChangeDuration.observe((this.now() - this.changeSince) / 1000)
      this.changeSince = undefined
    }
    if (output.type !== 'deliver' && output.type !== 'early' && output.type !== 'retract') this.look()
  }

  /** A tick came so late. */
  ticked(lateMs: number): void {
    this.eventLoopLag.observe(Math.max(0, lateMs) / 1000)
    this.look()
    if (this.watched === undefined) return
    const { cursors, state } = this.watched.broker
    this.subscribers.tick(cursors, state.seq, this.now())
  }

  /** What lasts is timed: it may have begun or ended. */
  private look(): void {
    if (this.watched === undefined) return
    const now = this.now()
    const status = this.watched.memberStatus()
    this.wedged.set(status.role === 'member' && status.wedged, now)
    const reason = blockedReason(status)
    for (const one of BLOCKED_REASONS) this.blocked[one].set(one === reason, now)
  }
}
