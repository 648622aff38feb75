import test from 'ava'
import { DEFAULT_SETTINGS } from '../../broker/group/settings.ts'
import { asked, request } from '../broker/fake-group.ts'
import { scrape } from './samples.ts'
import { STATUS, watched } from './watched.ts'

test('what the member, the state and the fabric say is shown as it is when scraped, twice the same', async (t) => {
  const one = watched()
  const { broker } = one.replica
  broker.subscribe(['t'], { at: 'now' }, { views: false })
  one.lags = [
    { name: 'b', suspected: true, slots: 9, ms: 1500 },
    { name: 'c', suspected: false, slots: 1, ms: 20 },
  ]
  const expected = {
    healthy: 1,
    primary: 1,
    'role{role="member"}': 1,
    'role{role="observer"}': 0,
    stability_stalled_seconds: 0,
    divergence_total: 29,
    view_number: 4,
    view_members: 1,
    roster_members: 3,
    view_change_attempts_total: 28,
    suspected_members: 1,
    'member_suspected{member="b"}': 1,
    'member_suspected{member="c"}': 0,
    'member_lag_slots{member="b"}': 9,
    'member_lag_slots{member="c"}': 1,
    'member_lag_seconds{member="b"}': 1.5,
    'member_lag_seconds{member="c"}': 0.02,
    'suspicions_total{outcome="raised"}': 24,
    'suspicions_total{outcome="withdrawn"}': 25,
    'suspicions_total{outcome="probe-answered"}': 27,
    order_position: 5,
    order_head: 6,
    seq: 1,
    catching_up: 0,
    catch_up_ratio: 1,
    submit_queue_events: 7,
    submit_queue_bytes: 8,
    slots_unstable: 9,
    window_bytes: 10,
    repair_log_entries: 11,
    repair_log_bytes: 12,
    pending_requests: 0,
    pending_bytes: 0,
    log_events: 1,
    topics: 0,
    publishers: 0,
    connections: 30,
    'streams{kind="sse"}': 31,
    'streams{kind="websocket"}': 32,
    subscribers: 1,
    fabric_linked: 1,
    fabric_links_total: 3,
    fabric_problems_total: 4,
    'datagrams_total{direction="sent",kind="slot"}': 13,
    'datagrams_total{direction="received",kind="header"}': 14,
    'datagram_bytes_total{direction="sent"}': 15,
    'datagram_bytes_total{direction="received"}': 16,
    'datagrams_dropped_total{reason="foreign"}': 17,
    'repairs_total{direction="asked",cause="lost"}': 18,
    'repairs_total{direction="asked",cause="view-change"}': 19,
    'repairs_total{direction="asked",cause="join"}': 20,
    'repairs_total{direction="given",cause="lost"}': 21,
    'repairs_total{direction="given",cause="view-change"}': 22,
    'repairs_total{direction="given",cause="join"}': 23,
    [`build_info{version="1.2.3",node="${process.version}"}`]: 1,
  }
  for (const _ of [1, 2]) {
    const samples = await scrape(one.metrics)
    for (const [name, value] of Object.entries(expected)) t.is(samples.get(`lockstep_${name}`), value, name)
  }
})

test('what waits has its limit beside it', async (t) => {
  const one = watched()
  const { broker } = one.replica
  asked((done) => broker.publish(request('t', [1, 2, 3]), done))
  const samples = await scrape(one.metrics)
  t.is(samples.get('lockstep_pending_requests'), 1)
  t.is(samples.get('lockstep_pending_bytes'), broker.pending.bytes)
  one.group.settle()
  const after = await scrape(one.metrics)
  t.is(after.get('lockstep_topics'), 1)
  t.is(after.get('lockstep_log_events'), 4)
  t.is(after.get('lockstep_log_cost_bytes'), broker.state.costRetained)
  t.true(after.get('lockstep_log_cost_bytes')! >= after.get('lockstep_log_bytes')! + 2 * 1024)
  const limits = {
    slots_unstable: DEFAULT_SETTINGS.windowSlotsMax,
    window_bytes: DEFAULT_SETTINGS.windowBytesMax,
    submit_queue_events: DEFAULT_SETTINGS.queueRequestsMax,
    submit_queue_bytes: DEFAULT_SETTINGS.queueBytesMax,
    repair_log_entries: DEFAULT_SETTINGS.logEntriesMax,
    repair_log_bytes: DEFAULT_SETTINGS.logBytesMax,
    pending_requests: 100_000,
    pending_bytes: 64 * 1024 * 1024,
    log_cost_bytes: 1024 ** 3,
    publishers: 1_000_000,
    topics: 100_000,
    connections: 20_000,
  }
  for (const [name, limit] of Object.entries(limits)) {
    t.true(after.has(`lockstep_${name}`), name)
    t.is(after.get(`lockstep_${name}_limit`), limit, name)
  }
  t.is([...after.keys()].filter((name) => name.endsWith('_limit')).length, Object.keys(limits).length)
})

test('a member that is gone from the view has no lag any more', async (t) => {
  const one = watched()
  one.lags = [{ name: 'b', suspected: false, slots: 1, ms: 1 }]
  t.true((await scrape(one.metrics)).has('lockstep_member_lag_slots{member="b"}'))
  one.lags = []
  t.deepEqual(
    [...(await scrape(one.metrics)).keys()].filter((name) => name.includes('{member=')),
    [],
  )
})

test('wedged twice, once still so: the seconds of both, and growing', async (t) => {
  const one = watched()
  const seconds = async (): Promise<number | undefined> =>
    (await scrape(one.metrics)).get('lockstep_wedged_seconds_total')
  const wedge = (): void => {
    one.status = { ...STATUS, wedged: true }
    one.metrics.output({ type: 'note', note: { type: 'wedged', view: 4, coordinator: 'a' } })
  }
  t.is(await seconds(), 0)
  wedge()
  one.group.now += 300
  one.status = STATUS
  one.metrics.output({
    type: 'view',
    position: 6,
    view: { ...STATUS.view!, number: 5 },
    joined: [],
    left: [],
    failed: [],
    member: true,
    attempts: 1,
  })
  one.group.now += 5000
  t.is(await seconds(), 0.3)
  wedge()
  one.group.now += 1000
  t.is(await seconds(), 1.3)
  one.group.now += 1000
  t.is(await seconds(), 2.3)
})

test('outside the primary component: timed by why, also between ticks', async (t) => {
  const one = watched()
  const pass = (ms: number): void => {
    one.metrics.ticked(0)
    one.group.now += ms
  }
  one.status = { ...STATUS, role: 'founding', wedged: true, primary: false }
  pass(1000)
  one.status = STATUS
  pass(7000)
  one.status = { ...STATUS, primary: false }
  pass(2000)
  one.status = { ...STATUS, role: 'observer', primary: false }
  pass(3000)
  pass(500)
  const samples = await scrape(one.metrics)
  const blocked = (reason: string) => samples.get(`lockstep_blocked_seconds_total{reason="${reason}"}`)
  t.deepEqual([blocked('founding'), blocked('cut-off'), blocked('outside')], [1, 2, 3.5])
  t.is(samples.get('lockstep_wedged_seconds_total'), 0, 'a founder waits for the others, and for no change of view')
})

test('catching up: how much of the snapshot is there, then how much of the order', async (t) => {
  const one = watched()
  const outside = { ...STATUS, role: 'observer', primary: false } as const
  const ratio = async (): Promise<number | undefined> => {
    const samples = await scrape(one.metrics)
    t.is(samples.get('lockstep_catching_up'), 1)
    return samples.get('lockstep_catch_up_ratio')
  }
  one.status = { ...outside, position: 0, head: 0 }
  t.is(await ratio(), 0)
  one.status = { ...outside, position: 0, head: 1000, snapshot: { received: 30, total: 40 } }
  t.is(await ratio(), 0.75)
  const samples = await scrape(one.metrics)
  t.is(samples.get('lockstep_catch_up_snapshot_received_bytes'), 30)
  t.is(samples.get('lockstep_catch_up_snapshot_bytes'), 40)
  one.status = { ...outside, position: 900, head: 1000 }
  t.is(await ratio(), 0.9)
})

test('a topic past the hundredth shares a line; a deleted one gives its own back', async (t) => {
  const one = watched()
  const { broker } = one.replica
  const publish = (topic: string): void => {
    asked((done) => broker.publish(request(topic, ['x']), done))
    one.group.settle()
  }
  const lines = async (): Promise<Map<string, number>> => {
    const samples = [...(await scrape(one.metrics))].filter(([name]) => name.startsWith('lockstep_events_published'))
    return new Map(samples.map(([name, value]) => [/topic="(.*)"/.exec(name)![1]!, value]))
  }
  // The fakes allow a hundred topics; of those that no state knows, nothing is kept at a scrape.
  for (let i = 0; i < 99; i++) publish(`t${i}`)
  publish('other')
  let now = await lines()
  t.is(now.size, 100)
  t.is(now.get('other'), 1)
  asked((done) => broker.deleteTopic('t0', done))
  one.group.settle()
  now = await lines()
  t.is(now.size, 99)
  t.false(now.has('t0'))
  publish('fresh')
  now = await lines()
  t.is(now.get('fresh'), 1)
  t.is(now.get('other'), 1)
})
