// What is read when the metrics are scraped, from the member, the state, the broker and the fabric. Each help text says
// what the number is, and what a bad one means. What has a limit has it beside it, under the same name and `_limit`, so
// that an alert can divide the one by the other.

import type { MemberStatus } from '../group/port.ts'
import type { Metrics, MetricsOptions, Watched } from './metrics.ts'
import type { Declared } from './registry.ts'

const ROLES = ['founding', 'observer', 'member'] as const
export const BLOCKED_REASONS = ['founding', 'outside', 'cut-off'] as const

/** Why this replica is outside the primary component, if it is. */
export function blockedReason({ role, primary }: MemberStatus): (typeof BLOCKED_REASONS)[number] | undefined {
  if (primary || role === 'exited') return undefined
  return role === 'founding' ? 'founding' : role === 'observer' ? 'outside' : 'cut-off'
}

export function addReadings(
  declared: Declared,
  metrics: Metrics,
  watched: () => Watched | undefined,
  { version, processMetrics }: MetricsOptions,
): void {
  type Reading = (watched: Watched) => number | undefined
  const yes = (truth: boolean): number => (truth ? 1 : 0)
  const read = (name: string, help: string, value: Reading): void =>
    declared.read(name, help, () => {
      const from = watched()
      return from === undefined ? undefined : value(from)
    })
  const readLimited = (name: string, help: string, value: Reading, key: string, limit: Reading): void => {
    read(name, help, value)
    read(`${name}_limit`, `The most that lockstep_${name} may come to: ${key}.`, limit)
  }
  const status =
    (value: (status: MemberStatus) => number): Reading =>
    (from) =>
      value(from.memberStatus())
  const each = <L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    put: (from: Watched, put: (labels: { readonly [label in L]: string }, value: number) => void) => void,
  ): void =>
    declared.readEach(name, help, labels, (one) => {
      const from = watched()
      if (from !== undefined) put(from, one)
    })
  const totals = <L extends string = never>(
    name: string,
    help: string,
    labels: readonly L[],
    put: (from: Watched, put: (labels: { readonly [label in L]: string }, count: number) => void) => void,
  ): void =>
    declared.readTotals(name, help, labels, (one) => {
      const from = watched()
      if (from !== undefined) put(from, one)
    })

  // Is it well?

  read(
    'healthy',
    'Whether publishes are taken and become safe: 1 in the primary view with stability advancing, as /readyz says. 0: it has the reason in words.',
    ({ broker }) => yes(broker.unready() === undefined),
  )
  read(
    'primary',
    'Whether requests are taken: 1 in a primary view with a quorum in reach. 0: look at /v1/cluster.',
    status((s) => yes(s.primary)),
  )
  each(
    'role',
    'What this replica is, 1 for one of founding, observer, member. An observer for long: it does not get in; the log says why.',
    ['role'],
    ({ memberStatus }, put) => {
      for (const role of ROLES) put({ role }, yes(memberStatus().role === role))
    },
  )
  read(
    'stability_stalled_seconds',
    'How long nothing has become safe here, although something waits for it. Above 1: no progress; see member_lag_seconds for who holds it up.',
    ({ broker }) => broker.stalledMs / 1000,
  )
  totals(
    'wedged_seconds_total',
    'Time in which this member stood still for a change of view, growing while it does. A rate near 1: a change of view hangs.',
    [],
    (_, put) => put({}, metrics.wedged.seconds(metrics.now())),
  )
  totals(
    'blocked_seconds_total',
    'Time in which this replica was outside the primary component, growing while it is. reason: founding, outside (catching up, or asking to be let in), cut-off (from a majority).',
    ['reason'],
    (_, put) => {
      for (const reason of BLOCKED_REASONS) put({ reason }, metrics.blocked[reason].seconds(metrics.now()))
    },
  )
  totals(
    'divergence_total',
    'Members found to have another state at an equal place of the order. Not 0: a bug or faulty memory; the replica that differs from most stops.',
    [],
    ({ memberStatus }, put) => put({}, memberStatus().counters.divergences),
  )

  // The view and its members.

  read(
    'view_number',
    'Number of the view here. Different at replicas for long: some are cut off.',
    status((s) => s.view?.number ?? 0),
  )
  read(
    'view_members',
    'Members of the view. Below what you run: replicas are missing, fewer crashes are survived.',
    status((s) => s.view?.members.length ?? 0),
  )
  read(
    'roster_members',
    'Replicas that the roster names. Above view_members for long: some of them are missing.',
    ({ config }) => config.roster.length,
  )
  totals(
    'view_change_attempts_total',
    'Changes of view that this member has led or tried to. Growing faster than view_changes_total: changes do not come through.',
    [],
    ({ memberStatus }, put) => put({}, memberStatus().counters.viewChangesStarted),
  )
  read(
    'suspected_members',
    'Members that this one suspects now. Above 0 for long: no quorum to put them out.',
    status((s) => s.suspected.length),
  )
  each(
    'member_suspected',
    'Which members of the view this one suspects now, or finds stalled. The same one by all: it is gone. Different ones: links between some are cut.',
    ['member'],
    ({ memberLags }, put) => {
      for (const { name, suspected } of memberLags()) put({ member: name }, yes(suspected))
    },
  )
  each(
    'member_lag_slots',
    'Own slots that another member is not known to hold; what is safe waits for the slowest. Near slots_unstable_limit: that member holds all up.',
    ['member'],
    ({ memberLags }, put) => {
      for (const { name, slots } of memberLags()) put({ member: name }, slots)
    },
  )
  each(
    'member_lag_seconds',
    'How long the oldest own slot that another member is not known to hold has waited for it. Above 1: it is slow or hangs, and is put out after stallAfterMs without a step.',
    ['member'],
    ({ memberLags }, put) => {
      for (const { name, ms } of memberLags()) put({ member: name }, ms / 1000)
    },
  )
  totals(
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

  // How far it is.

  read(
    'order_position',
    'Entries of the order, batches and views, delivered here. Flat while others grow: this replica is stuck.',
    status((s) => s.position),
  )
  read(
    'order_head',
    'The furthest position known to exist. Far above order_position: this replica is catching up.',
    status((s) => s.head),
  )
  read(
    'seq',
    'Place in the order that the state here is at. Behind that of other replicas: catching up.',
    ({ broker }) => broker.state.seq,
  )
  read(
    'catching_up',
    'Whether this replica is outside the group and takes over its state. 1 for long: see catch_up_ratio for whether it gets on.',
    status((s) => yes(s.role === 'observer')),
  )
  read(
    'catch_up_ratio',
    'How much of the snapshot that it is being given is there, and after that, of the order. Below 1 and flat: no member answers it.',
    status(caughtUp),
  )
  read(
    'catch_up_snapshot_received_bytes',
    'Bytes of a snapshot that are here while it is taken over. Flat above 0: the member that gives it does not answer.',
    status((s) => s.snapshot.received),
  )
  read(
    'catch_up_snapshot_bytes',
    'Bytes that the whole snapshot has which is being taken over; 0: none is. Large: a replica that was away long needs long to come back.',
    status((s) => s.snapshot.total),
  )

  // What waits, and how much may.

  readLimited(
    'slots_unstable',
    'Own batches not yet held by all. At its limit for long: a member or the fabric is slow.',
    status((s) => s.unstableSlots),
    'windowSlotsMax',
    ({ config }) => config.settings.windowSlotsMax,
  )
  readLimited(
    'window_bytes',
    'Bytes of the own batches not yet held by all. At its limit for long: a member or the fabric is slow.',
    status((s) => s.windowBytes),
    'windowBytesMax',
    ({ config }) => config.settings.windowBytesMax,
  )
  readLimited(
    'submit_queue_events',
    'Requests, of one event or more, that wait for the window. Growing: more is published here than can be ordered.',
    status((s) => s.queueRequests),
    'queueRequestsMax',
    ({ config }) => config.settings.queueRequestsMax,
  )
  readLimited(
    'submit_queue_bytes',
    'Bytes of the requests that wait for the window. At its limit: further ones are refused as OVERLOADED.',
    status((s) => s.queueBytes),
    'queueBytesMax',
    ({ config }) => config.settings.queueBytesMax,
  )
  readLimited(
    'pending_requests',
    'Requests taken and not answered. Growing: the group is slow or has no quorum. At its limit: further ones are refused.',
    ({ broker }) => broker.pending.size,
    'pendingRequestsMax',
    ({ config }) => config.pendingRequestsMax,
  )
  readLimited(
    'pending_bytes',
    'Bytes of the requests taken and not answered. At its limit: further ones are refused as OVERLOADED.',
    ({ broker }) => broker.pending.bytes,
    'pendingBytesMax',
    ({ config }) => config.pendingBytesMax,
  )
  read(
    'log_events',
    'Events retained, of all topics. What retention allows, and memory has to hold.',
    ({ broker }) => broker.state.eventsRetained,
  )
  read(
    'log_bytes',
    'Bytes of the events retained, of all topics. Near the memory there is: shorten retention.',
    ({ broker }) => broker.state.bytesRetained,
  )
  readLimited(
    'log_cost_bytes',
    'Bytes of the events retained and a kilobyte for each publish, as they are held against the limit. At its limit: the oldest events of all go, whatever retention says.',
    ({ broker }) => broker.state.costRetained,
    'retainedBytesMax',
    ({ config }) => config.settings.retainedBytesMax,
  )
  readLimited(
    'repair_log_entries',
    'Batches kept for replicas that catch up. At its limit is usual; who is behind by more needs a snapshot.',
    status((s) => s.logEntries),
    'logEntriesMax, or four times that while a snapshot is given',
    ({ config }) => config.settings.logEntriesMax,
  )
  readLimited(
    'repair_log_bytes',
    'Bytes of the batches kept for replicas that catch up. At its limit is usual; who is behind by more needs a snapshot.',
    status((s) => s.logBytes),
    'logBytesMax, or four times that while a snapshot is given',
    ({ config }) => config.settings.logBytesMax,
  )
  readLimited(
    'publishers',
    'Publishers whose numbers are remembered. At its limit: the oldest are being forgotten, and their late retries come twice.',
    ({ broker }) => broker.state.publishersRemembered,
    'publishersMax',
    ({ config }) => config.settings.publishersMax,
  )
  readLimited(
    'topics',
    "Topics that there are, but for the system's own. At its limit: no further one can be made.",
    ({ broker }) => broker.state.topicCount,
    'topicsMax',
    ({ config }) => config.settings.topicsMax,
  )

  // Clients.

  readLimited(
    'connections',
    'Connections of clients. At its limit: more are turned away.',
    ({ clients }) => clients().connections,
    'connectionsMax',
    ({ config }) => config.limits.connectionsMax,
  )
  each(
    'streams',
    'Connections that are streams, by kind: sse or websocket. Falling at once: clients have moved to another replica.',
    ['kind'],
    ({ clients }, put) => {
      const { eventStreams, webSockets } = clients()
      put({ kind: 'sse' }, eventStreams)
      put({ kind: 'websocket' }, webSockets)
    },
  )
  read(
    'subscribers',
    'Open subscriptions at this replica. Falling to 0: clients have gone, or moved to another replica.',
    ({ broker }) => broker.cursors.size,
  )
  read(
    'subscribers_behind',
    'Subscriptions that are more than a second behind the order. Above 0 for long: they read too slowly, and meet a gap when retention passes them.',
    () => metrics.subscribers.found.behind,
  )
  read(
    'subscribers_stopped',
    'Subscriptions that are more than a second behind and ask for nothing: their readers have given no credit, or take nothing from their sockets. Above 0: look at those clients.',
    () => metrics.subscribers.found.stopped,
  )
  read(
    'subscriber_lag_worst_events',
    'How far the subscription that is furthest behind is behind the order. Growing: its client reads too slowly, or not at all.',
    () => metrics.subscribers.found.worstLag,
  )
  each(
    'subscriber_still_seconds',
    'The longest that a subscription that is behind has not come on. waits_for="reader": its client does not read. waits_for="replica": it asks, and this replica gives nothing: a bug, or no CPU.',
    ['waits_for'],
    (_, put) => {
      const { reader, replica } = metrics.subscribers.found.stillMs
      put({ waits_for: 'reader' }, reader / 1000)
      put({ waits_for: 'replica' }, replica / 1000)
    },
  )

  // By topic.

  totals(
    'events_published_total',
    'Events that entered here and are in the order, safe; past 100 topics the others are topic="other". Zero while clients publish: see publish_refusals_total.',
    ['topic'],
    (_, put) => {
      for (const [topic, { events }] of metrics.topics) put({ topic }, events)
    },
  )
  totals(
    'published_bytes_total',
    'Bytes of the events that entered here and are in the order, as their publishers gave them: data, keys, ids and the like. Growing faster than retention: see log_cost_bytes.',
    ['topic'],
    (_, put) => {
      for (const [topic, { bytes }] of metrics.topics) put({ topic }, bytes)
    },
  )
  totals(
    'schema_rejections_total',
    "Publishes refused because an event does not fit its topic's schema. Growing: a publisher is out of date.",
    ['topic'],
    (_, put) => {
      for (const [topic, { schemaRejections }] of metrics.topics) put({ topic }, schemaRejections)
    },
  )

  // The fabric.

  read(
    'fabric_linked',
    'Whether the fabric can be reached. 0: this replica is cut off from the others.',
    ({ fabric }) => yes(fabric.linked),
  )
  totals(
    'fabric_links_total',
    'Times that the fabric became reachable. Growing: it comes and goes.',
    [],
    ({ fabric }, put) => put({}, fabric.counters.links),
  )
  totals(
    'fabric_problems_total',
    'Failed attempts, lost connections and refusals of the fabric; the log has their words.',
    [],
    ({ fabric }, put) => put({}, fabric.counters.problems),
  )
  totals(
    'datagrams_total',
    'Datagrams of the group, by direction and kind. Many repairs or wants: datagrams are lost.',
    ['direction', 'kind'],
    ({ memberStatus }, put) => {
      const { sent, received } = memberStatus().counters
      for (const [kind, count] of Object.entries(sent)) put({ direction: 'sent', kind }, count)
      for (const [kind, count] of Object.entries(received)) put({ direction: 'received', kind }, count)
    },
  )
  totals(
    'datagram_bytes_total',
    'Bytes of the datagrams of the group, by direction. Received near what the network carries: it is what limits.',
    ['direction'],
    ({ memberStatus }, put) => {
      const { sentBytes, receivedBytes } = memberStatus().counters
      put({ direction: 'sent' }, sentBytes)
      put({ direction: 'received' }, receivedBytes)
    },
  )
  totals(
    'datagrams_dropped_total',
    'Datagrams that were not used, by reason. Foreign or undecodable ones: somebody else sends there.',
    ['reason'],
    ({ memberStatus, fabric }, put) => {
      const { dropped } = memberStatus().counters
      for (const [reason, count] of Object.entries(dropped)) put({ reason }, count)
      for (const [reason, count] of Object.entries(fabric.counters.dropped)) put({ reason: `fabric-${reason}` }, count)
    },
  )
  totals(
    'repairs_total',
    'Times that missing batches were asked of others (asked), and given to them (given). cause="lost" growing fast: the fabric loses datagrams. view-change, join: usual.',
    ['direction', 'cause'],
    ({ memberStatus }, put) => {
      const { repairsAsked, repairsGiven } = memberStatus().counters
      for (const [cause, count] of Object.entries(repairsAsked)) put({ direction: 'asked', cause }, count)
      for (const [cause, count] of Object.entries(repairsGiven)) put({ direction: 'given', cause }, count)
    },
  )

  // The process.

  declared.readEach(
    'build_info',
    'Always 1; the labels say which version this is. Different at replicas: an upgrade is under way, or was left half done.',
    ['version', 'node'],
    (put) => put({ version, node: process.version }, 1),
  )
  if (processMetrics) {
    declared.readTotals(
      'event_loop_active_seconds_total',
      'Time in which the event loop of this process was at work. A rate near 1: this replica can do no more.',
      [],
      (put) => put({}, performance.eventLoopUtilization().active / 1000),
    )
  }
}

/** 1 for a member; who has heard of no head has nothing. */
function caughtUp({ role, position, head, snapshot }: MemberStatus): number {
  if (role === 'member') return 1
  if (snapshot.total > 0) return snapshot.received / snapshot.total
  return head === 0 ? 0 : position / head
}
