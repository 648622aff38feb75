// All metrics of a replica, in a registry of its own, since several replicas may live in one process. What can be read
// from the member, the state or the fabric is read when the metrics are scraped; only what is over by then (durations,
// refusals) is counted as it happens. Each help text says what a bad value means. The home of prom-client.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Broker, BrokerObserver } from './broker.ts'
import type { BrokerError } from './errors.ts'
import type { CountingFabric } from './fabric/counters.ts'
import type { MemberStatus, Output } from './group/port.ts'
import type { BlockNotification, Notification, Order } from './http/operations.ts'

export interface Watched {
  readonly broker: Broker
  readonly fabric: CountingFabric
  readonly memberStatus: () => MemberStatus
  readonly connections: () => number
}

export interface MetricsOptions {
  readonly now: () => number
  /** Those of the process itself: memory, event loop, garbage collection. They cost, so tests can do without. */
  readonly processMetrics: boolean
}

const PREFIX = 'lockstep_'
/** Topics with a label of their own; the rest is "other". Clients choose names, and each label costs for ever. */
const TOPIC_LABELS_MAX = 100
const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SAMPLE_EVERY_MS = 1000

export class Metrics implements BrokerObserver {
  private readonly registry = new Registry()
  private readonly now: () => number
  private readonly topics = new Set<string>()
  private watched: Watched | undefined
  private changeSince: number | undefined
  private sampleAt = 0

  private readonly eventsPublished = this.counter(
    'events_published_total',
    'Events that entered here and are in the order, safe. Zero while clients publish: see publish_refusals_total.',
    ['topic'],
  )
  private readonly eventsDelivered = this.counter(
    'events_delivered_total',
    'Events handed to subscribers of this replica. Flat while events are published: subscribers have stopped reading.',
  )
  private readonly publishDuration = this.histogram(
    'publish_duration_seconds',
    'From the arrival of a publish to its acknowledgement. High: the group is slow, overloaded or changing its view.',
    SECONDS,
  )
  private readonly orderDuration = this.histogram(
    'order_duration_seconds',
    'From handing a request to the group until it comes back at this level. High: a slow member or fabric.',
    SECONDS,
    ['level'],
  )
  private readonly refusals = this.counter(
    'publish_refusals_total',
    'Requests refused or given up, by code. NOT_PRIMARY: no majority. OVERLOADED: more is published than is ordered.',
    ['code'],
  )
  private readonly schemaRejections = this.counter(
    'schema_rejections_total',
    "Publishes refused because an event does not fit its topic's schema. Growing: a publisher is out of date.",
    ['topic'],
  )
  private readonly gaps = this.counter(
    'gaps_total',
    'Gaps that subscribers were told of. reason="retention": they read too slowly, or retention is too short.',
    ['reason'],
  )
  private readonly retracted = this.counter(
    'retracted_total',
    'Events that subscribers below safe were shown, and that were taken back. Growing: views change under load.',
  )
  private readonly subscriberLag = this.histogram(
    'subscriber_lag_events',
    'How far subscribers are behind the order, each sampled once a second. High: they read too slowly.',
    [0, 10, 100, 1000, 10_000, 100_000, 1_000_000],
  )
  private readonly viewChanges = this.counter(
    'view_changes_total',
    'Changes of view, by what they were for: first, join, leave, exclude. Many excludes: pauses or a bad fabric.',
    ['reason'],
  )
  private readonly viewChangeDuration = this.histogram(
    'view_change_duration_seconds',
    'How long publishes stood still for a change of view, as seen here. High: members answer slowly.',
    SECONDS,
  )
  private readonly excluded = this.counter(
    'members_excluded_total',
    'Members that were put out of the view, by all reasons but leaving. They crashed, or were paused for too long.',
  )
  private readonly eventLoopLag = this.histogram(
    'event_loop_lag_seconds',
    'How late the ticks of the group come. Above 0.1: this process is short of CPU, and others may suspect it.',
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  )

  constructor(options: MetricsOptions) {
    this.now = options.now
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry })
    for (const reason of ['retention', 'topic-deleted', 'history-changed']) this.gaps.inc({ reason }, 0)
    for (const reason of ['first', 'join', 'leave', 'exclude']) this.viewChanges.inc({ reason }, 0)
    this.readWhenScraped()
  }

  /** From now on scrapes read these. */
  watch(watched: Watched): void {
    this.watched = watched
  }

  async text(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.registry.contentType, text: await this.registry.metrics() }
  }

  published(topic: string, events: number, ms: number): void {
    this.eventsPublished.inc({ topic: this.topicLabel(topic) }, events)
    this.publishDuration.observe(ms / 1000)
  }

  ordered(level: Order, ms: number): void {
    this.orderDuration.observe({ level }, ms / 1000)
  }

  refused(error: BrokerError): void {
    this.refusals.inc({ code: error.code })
  }

  schemaRejected(topic: string): void {
    this.schemaRejections.inc({ topic: this.topicLabel(topic) })
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
  }

  /** A tick came so late. */
  ticked(lateMs: number): void {
    this.eventLoopLag.observe(Math.max(0, lateMs) / 1000)
    const now = this.now()
    if (now < this.sampleAt || this.watched === undefined) return
    this.sampleAt = now + SAMPLE_EVERY_MS
    for (const cursor of this.watched.broker.cursors) this.subscriberLag.observe(cursor.lag)
  }

  private readWhenScraped(): void {
    const status = (read: (status: MemberStatus) => number) => (watched: Watched) => read(watched.memberStatus())
    const yes = (truth: boolean): number => (truth ? 1 : 0)

    this.read(
      'primary',
      'Whether requests are taken: 1 in a primary view with a quorum in reach. 0: look at /v1/cluster.',
      status((s) => yes(s.primary)),
    )
    this.read(
      'view_number',
      'Number of the view here. Different at replicas for long: some are cut off.',
      status((s) => s.view?.number ?? 0),
    )
    this.read(
      'view_members',
      'Members of the view. Below what you run: replicas are missing, fewer crashes are survived.',
      status((s) => s.view?.members.length ?? 0),
    )
    this.read(
      'suspected_members',
      'Members that this one suspects now. Above 0 for long: no quorum to put them out.',
      status((s) => s.suspected.length),
    )
    this.read(
      'order_position',
      'Batches of the order delivered here. Flat while others grow: this replica is stuck.',
      status((s) => s.position),
    )
    this.read(
      'order_head',
      'The furthest position known to exist. Far above order_position: this replica is catching up.',
      status((s) => s.head),
    )
    this.read(
      'slots_unstable',
      'Own batches not yet held by all. At windowSlotsMax for long: a member or the fabric is slow.',
      status((s) => s.unstableSlots),
    )
    this.read(
      'window_bytes',
      'Bytes of them. At windowBytesMax for long: a member or the fabric is slow.',
      status((s) => s.windowBytes),
    )
    this.read(
      'submit_queue_events',
      'Requests that wait for the window. Growing: more is published here than can be ordered.',
      status((s) => s.queueRequests),
    )
    this.read(
      'submit_queue_bytes',
      'Bytes of the requests that wait for the window.',
      status((s) => s.queueBytes),
    )
    this.read(
      'pending_requests',
      'Requests taken and not answered. Growing: the group is slow or has no quorum.',
      (w) => w.broker.pending.size,
    )
    this.read('pending_bytes', 'Bytes of the requests taken and not answered.', (w) => w.broker.pending.bytes)
    this.read(
      'seq',
      'Place in the order that the state here is at. Behind that of other replicas: catching up.',
      (w) => w.broker.state.seq,
    )
    this.read(
      'log_events',
      'Events retained, of all topics. What retention allows, and memory has to hold.',
      (w) => w.broker.state.eventsRetained,
    )
    this.read(
      'log_bytes',
      'Bytes of the events retained, of all topics. Near the memory there is: shorten retention.',
      (w) => w.broker.state.bytesRetained,
    )
    this.read(
      'repair_log_entries',
      'Batches kept for replicas that catch up.',
      status((s) => s.logEntries),
    )
    this.read(
      'repair_log_bytes',
      'Bytes of the batches kept for replicas that catch up; bounded by logBytesMax.',
      status((s) => s.logBytes),
    )
    this.read(
      'publishers',
      'Publishers whose numbers are remembered. At publishersMax: the oldest are being forgotten.',
      (w) => w.broker.state.publishersRemembered,
    )
    this.read('subscribers', 'Open subscriptions at this replica.', (w) => w.broker.cursors.size)
    this.read('connections', 'Connections of clients. At connectionsMax: more are turned away.', (w) => w.connections())
    this.read('fabric_linked', 'Whether the fabric can be reached. 0: this replica is cut off from the others.', (w) =>
      yes(w.fabric.linked),
    )

    this.readTotals(
      'datagrams_total',
      'Datagrams of the group, by direction and kind. Many repairs or asks: datagrams are lost.',
      ['direction', 'kind'],
      ({ memberStatus }, put) => {
        const { sent, received } = memberStatus().counters
        for (const [kind, count] of Object.entries(sent)) put({ direction: 'sent', kind }, count)
        for (const [kind, count] of Object.entries(received)) put({ direction: 'received', kind }, count)
      },
    )
    this.readTotals(
      'datagram_bytes_total',
      'Bytes of the datagrams of the group, by direction.',
      ['direction'],
      ({ memberStatus }, put) => {
        const { sentBytes, receivedBytes } = memberStatus().counters
        put({ direction: 'sent' }, sentBytes)
        put({ direction: 'received' }, receivedBytes)
      },
    )
    this.readTotals(
      'datagrams_dropped_total',
      'Datagrams that were not used, by reason. Foreign or undecodable ones: somebody else sends there.',
      ['reason'],
      ({ memberStatus, fabric }, put) => {
        const { dropped } = memberStatus().counters
        for (const [reason, count] of Object.entries(dropped)) put({ reason }, count)
        for (const [reason, count] of Object.entries(fabric.counters.dropped))
          put({ reason: `fabric-${reason}` }, count)
      },
    )
    this.readTotals(
      'repairs_total',
      'Lost batches asked of others (asked), and given to them (given). Growing fast: the fabric loses datagrams.',
      ['direction'],
      ({ memberStatus }, put) => {
        const { repairsAsked, repairsGiven } = memberStatus().counters
        put({ direction: 'asked' }, repairsAsked)
        put({ direction: 'given' }, repairsGiven)
      },
    )
    this.readTotals(
      'suspicions_total',
      'Suspicions raised, and those withdrawn since the member was heard again. Many withdrawn: suspectAfterMs is too small, or members pause.',
      ['outcome'],
      ({ memberStatus }, put) => {
        const { suspicions, suspicionsWithdrawn, probesAnswered } = memberStatus().counters
        put({ outcome: 'raised' }, suspicions)
        put({ outcome: 'withdrawn' }, suspicionsWithdrawn)
        put({ outcome: 'probe-answered' }, probesAnswered)
      },
    )
    this.readTotals(
      'divergence_total',
      'Members found to have another state at an equal place of the order. Not 0: a bug or faulty memory; the replica that differs from most stops.',
      [],
      ({ memberStatus }, put) => put({}, memberStatus().counters.divergences),
    )
    this.readTotals(
      'fabric_links_total',
      'Times that the fabric became reachable. Growing: it comes and goes.',
      [],
      ({ fabric }, put) => put({}, fabric.counters.links),
    )
    this.readTotals(
      'fabric_problems_total',
      'Failed attempts, lost connections and refusals of the fabric; the log has their words.',
      [],
      ({ fabric }, put) => put({}, fabric.counters.problems),
    )
  }

  private topicLabel(topic: string): string {
    if (this.topics.has(topic)) return topic
    if (this.topics.size >= TOPIC_LABELS_MAX) return 'other'
    this.topics.add(topic)
    return topic
  }

  private counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter({ name: PREFIX + name, help, labelNames, registers: [this.registry] })
  }

  private histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    return new Histogram({ name: PREFIX + name, help, labelNames, buckets: [...buckets], registers: [this.registry] })
  }

  private read(name: string, help: string, value: (watched: Watched) => number): void {
    const metrics = this
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.registry],
      collect() {
        if (metrics.watched !== undefined) this.set(value(metrics.watched))
      },
    })
  }

  /** Counted elsewhere; here only shown. */
  private readTotals<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (watched: Watched, put: (labels: { [label in L]?: string }, count: number) => void) => void,
  ): void {
    const metrics = this
    new Counter({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset()
        if (metrics.watched !== undefined) read(metrics.watched, (labels, count) => this.inc(labels as never, count))
      },
    })
  }
}
