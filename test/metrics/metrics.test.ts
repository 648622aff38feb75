import test from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import { EARLY_LEVELS } from '../../broker/group/port.ts'
import { Metrics } from '../../broker/metrics/metrics.ts'
import { connect } from '../../clients/src/index.ts'
import { asked, request } from '../broker/fake-group.ts'
import { Group } from '../clients/group.ts'
import { scrape } from './samples.ts'
import { watched } from './watched.ts'

test('published, delivered, refused, late: counted as they happen', async (t) => {
  const { metrics, group, replica } = watched()
  const { broker } = replica
  const cursor = broker.subscribe(['t'], { at: 'now' }, { views: false })
  asked((done) => broker.publish(request('t', [10, 2, 3]), done))
  group.now += 20
  group.settle()
  cursor.next(10, 1000)
  metrics.refused(new BrokerError('OVERLOADED', 'x'))
  metrics.schemaRejected('t')
  metrics.ticked(30)
  const samples = await scrape(metrics)
  t.is(samples.get('lockstep_events_published_total{topic="t"}'), 3)
  t.is(samples.get('lockstep_published_bytes_total{topic="t"}'), 4)
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

test('what had come to its level before somebody wanted to see it: how long that took is not counted, and safe is', async (t) => {
  const { metrics, group, replica } = watched()
  asked((done) => replica.broker.publish(request('t', [1]), done))
  replica.send()
  group.now += 500
  replica.onShowEarly = () => {
    for (const level of EARLY_LEVELS) replica.early('early', level, group.order.length - 1)
  }
  const cursor = replica.broker.subscribe(['t'], { at: 'now' }, { views: false, order: 'fifo' })
  t.is(cursor.next(10, 1000).length, 1)
  group.now += 10
  replica.read()
  const samples = await scrape(metrics)
  for (const level of EARLY_LEVELS)
    t.falsy(samples.get(`lockstep_order_duration_seconds_count{level="${level}"}`), level)
  t.is(samples.get('lockstep_order_duration_seconds_sum{level="safe"}'), 0.51)
})

test('a real group: each level is observed where an event came in while somebody reads there below safe, and no level comes before the one below', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('t')
  const client = connect({ replicas: group.of('b').url })
  t.teardown(() => client.close())
  const publish = async (): Promise<void> => {
    for (let n = 0; n < 50; n++) await client.publish('t', n)
  }
  const durations = async (what: 'sum' | 'count'): Promise<number[]> => {
    const text = await (await fetch(`${group.of('b').url}/metrics`)).text()
    const of = (level: string): number =>
      Number(
        new RegExp(`^lockstep_order_duration_seconds_${what}\\{level="${level}"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0,
      )
    t.is(Number(/^lockstep_retracted_total (\d+)$/m.exec(text)?.[1]), 0)
    return [...EARLY_LEVELS, 'safe'].map(of)
  }
  await publish()
  const counts = await durations('count')
  t.deepEqual(counts.slice(0, 3), [0, 0, 0], 'nobody reads there')
  t.true(counts[3]! >= 50)
  const subscription = client.topic('t').subscribe({ order: 'agreed', from: 'start' })
  await subscription.next()
  const before = await durations('sum')
  await publish()
  const counted = (await durations('count')).map((count, i) => count - counts[i]!)
  const sums = (await durations('sum')).map((sum, i) => sum - before[i]!)
  t.true(counted[3]! >= 50)
  for (const i of [0, 1, 2]) {
    t.is(counted[i], counted[3])
    t.true(sums[i]! <= sums[i + 1]!, `${sums}`)
  }
  t.true(sums[3]! > sums[0]!, 'own slots are fifo at once')
})

test('a change of view: its reason, and how long it took for those that were in it', async (t) => {
  const clock = { now: 1000 }
  const metrics = new Metrics({ now: () => clock.now, version: '1.2.3', processMetrics: false })
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
      attempts: 1,
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
