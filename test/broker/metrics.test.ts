import test from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import { newCounters } from '../../broker/fabric/counters.ts'
import { EARLY_LEVELS } from '../../broker/group/port.ts'
import { Metrics } from '../../broker/metrics.ts'
import { connect } from '../../clients/src/index.ts'
import { Group } from '../clients/group.ts'
import { asked, FakeGroup, request } from './fake-group.ts'

/** Of each sample, by its name and labels. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const samples = new Map<string, number>()
  for (const line of (await metrics.text()).text.split('\n')) {
    const match = /^([^# ]\S*(?:\{.*\})?) (\S+)$/.exec(line)
    if (match !== null) samples.set(match[1]!, Number(match[2]))
  }
  return samples
}

function watched(): { metrics: Metrics; group: FakeGroup } {
  const clock = { now: 0 }
  const metrics = new Metrics({ now: () => clock.now, processMetrics: false })
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true, observe: metrics })
  const { broker } = replicas[0]!
  const fabric = {
    counters: { ...newCounters(), links: 3 },
    datagramBytesMax: 1,
    linked: true,
    send: () => {},
    listen: () => {},
    address: () => {},
    close: async () => {},
  }
  const status = {
    self: { name: 'a', incarnation: 1, url: '' },
    role: 'member',
    view: { history: 1, number: 4, members: [{ name: 'a', incarnation: 1, url: '' }] },
    rank: 0,
    wedged: false,
    primary: true,
    position: 5,
    head: 6,
    suspected: [],
    stalled: [],
    leaving: false,
    queueRequests: 7,
    queueBytes: 8,
    unstableSlots: 9,
    windowBytes: 10,
    logEntries: 11,
    logBytes: 12,
    counters: {
      sent: { slot: 13 },
      received: { header: 14 },
      sentBytes: 15,
      receivedBytes: 16,
      dropped: { foreign: 17 },
      repairsAsked: 18,
      repairsGiven: 19,
      suspicions: 20,
      suspicionsWithdrawn: 21,
      probesFailed: 22,
      probesAnswered: 23,
      viewChangesStarted: 24,
      divergences: 26,
    },
  } as const
  metrics.watch({ broker, fabric, memberStatus: () => status, connections: () => 25 })
  return { metrics, group }
}

test('what the member, the state and the fabric count is shown as it is when scraped, twice the same', async (t) => {
  const { metrics, group } = watched()
  const { broker } = group.replicas[0]!
  broker.subscribe(['t'], { at: 'now' }, { views: false })
  for (const _ of [1, 2]) {
    const samples = await scrape(metrics)
    const expected = {
      lockstep_primary: 1,
      lockstep_view_number: 4,
      lockstep_view_members: 1,
      lockstep_order_position: 5,
      lockstep_order_head: 6,
      lockstep_submit_queue_events: 7,
      lockstep_slots_unstable: 9,
      lockstep_window_bytes: 10,
      'lockstep_datagrams_total{direction="sent",kind="slot"}': 13,
      'lockstep_datagrams_total{direction="received",kind="header"}': 14,
      'lockstep_datagram_bytes_total{direction="received"}': 16,
      'lockstep_datagrams_dropped_total{reason="foreign"}': 17,
      'lockstep_repairs_total{direction="asked"}': 18,
      'lockstep_suspicions_total{outcome="withdrawn"}': 21,
      lockstep_divergence_total: 26,
      lockstep_fabric_links_total: 3,
      lockstep_connections: 25,
      lockstep_subscribers: 1,
      lockstep_log_events: 1,
      lockstep_seq: 1,
    }
    for (const [name, value] of Object.entries(expected)) t.is(samples.get(name), value, name)
  }
})

test('published, delivered, refused, late: counted as they happen', async (t) => {
  const { metrics, group } = watched()
  const { broker } = group.replicas[0]!
  const cursor = broker.subscribe(['t'], { at: 'now' }, { views: false })
  asked((done) => broker.publish(request('t', [1, 2, 3]), done))
  group.now += 20
  group.settle()
  cursor.next(10, 1000)
  metrics.refused(new BrokerError('OVERLOADED', 'x'))
  metrics.schemaRejected('t')
  metrics.ticked(30)
  const samples = await scrape(metrics)
  t.is(samples.get('lockstep_events_published_total{topic="t"}'), 3)
  t.is(samples.get('lockstep_events_delivered_total'), 3)
  t.is(samples.get('lockstep_publish_duration_seconds_count'), 1)
  t.is(samples.get('lockstep_publish_duration_seconds_sum'), 0.02)
  t.is(samples.get('lockstep_order_duration_seconds_count{level="safe"}'), 1)
  t.is(samples.get('lockstep_publish_refusals_total{code="OVERLOADED"}'), 1)
  t.is(samples.get('lockstep_schema_rejections_total{topic="t"}'), 1)
  t.is(samples.get('lockstep_event_loop_lag_seconds_bucket{le="0.02"}'), 0)
  t.is(samples.get('lockstep_event_loop_lag_seconds_bucket{le="0.05"}'), 1)
  t.is(samples.get('lockstep_gaps_total{reason="retention"}'), 0)
})

test('below safe: what is shown is delivered once, taken back or kept, and how long each level took is counted', async (t) => {
  const { metrics, group } = watched()
  const [a] = group.replicas
  const cursor = a!.broker.subscribe(['t'], { at: 'now' }, { views: false, order: 'fifo' })
  const publish = (values: readonly unknown[]): number => {
    asked((done) => a!.broker.publish(request('t', values), done))
    a!.send()
    return group.order.length - 1
  }
  const lost = publish([1, 2])
  a!.early('early', 'fifo', lost)
  t.is(cursor.next(10, 1000).length, 2)
  a!.early('retract', 'fifo', lost)
  group.order.pop()
  t.is(cursor.next(10, 1000).length, 2)
  const kept = publish([3, 4, 5])
  for (const level of EARLY_LEVELS) {
    group.now += 10
    a!.early('early', level, kept)
  }
  t.is(cursor.nextBlocks(1000).length, 1)
  group.now += 10
  a!.read()
  t.is(cursor.next(10, 1000).length, 3)
  const samples = await scrape(metrics)
  t.is(samples.get('lockstep_events_delivered_total'), 5)
  t.is(samples.get('lockstep_retracted_total'), 2)
  for (const [i, level] of [...EARLY_LEVELS, 'safe'].entries()) {
    // What was lost was shown as fifo at once.
    t.is(samples.get(`lockstep_order_duration_seconds_count{level="${level}"}`), level === 'fifo' ? 2 : 1, level)
    t.is(samples.get(`lockstep_order_duration_seconds_sum{level="${level}"}`), 0.01 * (i + 1), level)
  }
})

test('a real group: each level is observed where an event came in, whoever subscribes, and no level comes before the one below', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('t')
  const client = connect({ replicas: group.of('b').url })
  t.teardown(() => client.close())
  for (let n = 0; n < 50; n++) await client.publish('t', n)
  const text = await (await fetch(`${group.of('b').url}/metrics`)).text()
  const sumOf = (level: string, what: 'sum' | 'count'): number =>
    Number(new RegExp(`^lockstep_order_duration_seconds_${what}\\{level="${level}"\\} (\\S+)$`, 'm').exec(text)?.[1])
  const levels = [...EARLY_LEVELS, 'safe']
  for (const [i, level] of levels.entries()) {
    t.is(sumOf(level, 'count'), sumOf('safe', 'count'), level)
    if (i > 0) t.true(sumOf(level, 'sum') >= sumOf(levels[i - 1]!, 'sum'), level)
  }
  t.true(sumOf('safe', 'count') >= 50)
  t.true(sumOf('safe', 'sum') > sumOf('fifo', 'sum'), 'own slots are fifo at once')
  t.is(Number(/^lockstep_retracted_total (\d+)$/m.exec(text)?.[1]), 0)
})

test('each subscriber is sampled for how far it is behind', async (t) => {
  const { metrics, group } = watched()
  const { broker } = group.replicas[0]!
  broker.subscribe(['t'], { at: 'now' }, { views: false })
  asked((done) => broker.publish(request('t', Array(50).fill(1)), done))
  group.settle()
  broker.subscribe(['t'], { at: 'now' }, { views: false })
  metrics.ticked(0)
  metrics.ticked(0)
  const samples = await scrape(metrics)
  t.is(samples.get('lockstep_subscriber_lag_events_bucket{le="0"}'), 1)
  t.is(samples.get('lockstep_subscriber_lag_events_bucket{le="100"}'), 2)
  t.is(samples.get('lockstep_subscriber_lag_events_count'), 2)
})

test('ten thousand topics: a hundred have a label of their own', async (t) => {
  const { metrics } = watched()
  for (let i = 0; i < 10_000; i++) metrics.published(`topic${i}`, 1, 1)
  const samples = await scrape(metrics)
  const topics = [...samples.keys()].filter((name) => name.startsWith('lockstep_events_published_total'))
  t.is(topics.length, 101)
  t.is(samples.get('lockstep_events_published_total{topic="other"}'), 9900)
})

test('a change of view: its reason, and how long it took for those that were in it', async (t) => {
  const clock = { now: 1000 }
  const metrics = new Metrics({ now: () => clock.now, processMetrics: false })
  const member = (name: string) => ({ name, incarnation: name.charCodeAt(0), url: '' })
  const view = (number: number, joined: string[], left: string[], failed: string[]) => {
    metrics.output({
      type: 'view',
      position: 1,
      view: { history: 1, number, members: [member('a')] },
      joined: joined.map(member),
      left: left.map(member),
      failed: failed.map(member),
      member: true,
    })
  }
  view(1, ['a'], [], [])
  metrics.output({ type: 'note', note: { type: 'wedged', view: 1, coordinator: 'a' } })
  clock.now += 300
  view(2, ['b'], [], ['c', 'd'])
  view(3, [], ['b'], [])
  view(4, ['b'], [], [])
  const samples = await scrape(metrics)
  for (const reason of ['first', 'join', 'leave', 'exclude']) {
    t.is(samples.get(`lockstep_view_changes_total{reason="${reason}"}`), 1, reason)
  }
  t.is(samples.get('lockstep_members_excluded_total'), 2)
  t.is(samples.get('lockstep_view_change_duration_seconds_count'), 1)
  t.is(samples.get('lockstep_view_change_duration_seconds_sum'), 0.3)
})

test('every metric is helped by a sentence, and named in base units', async (t) => {
  const { metrics } = watched()
  const { text } = await metrics.text()
  const names = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)]
  t.true(names.length > 35)
  for (const [, name, help] of names) {
    t.regex(name!, /^lockstep_/)
    t.notRegex(name!, /_ms$|_millis/)
    t.true(help!.length > 20, name)
  }
})
