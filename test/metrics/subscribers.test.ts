import test from 'ava'
import { asked, request } from '../broker/fake-group.ts'
import { scrape } from './samples.ts'
import { type WatchedGroup, watched } from './watched.ts'

function publish({ group, replica }: WatchedGroup, events: number): void {
  asked((done) => replica.broker.publish(request('t', Array(events).fill(1)), done))
  group.settle()
}

/** Time passes, with as many rounds of looks as fit in it. */
function pass({ group, metrics }: WatchedGroup, seconds: number): void {
  for (let i = 0; i < seconds * 100; i++) {
    group.now += 10
    metrics.ticked(0)
  }
}

async function subscribers(one: WatchedGroup): Promise<object> {
  const samples = await scrape(one.metrics)
  const of = (name: string): number | undefined => samples.get(`lockstep_subscriber${name}`)
  return {
    all: of('s'),
    behind: of('s_behind'),
    stopped: of('s_stopped'),
    worst: of('_lag_worst_events'),
    reader: of('_still_seconds{waits_for="reader"}'),
    replica: of('_still_seconds{waits_for="replica"}'),
  }
}

test('each subscriber is sampled once a second for how far it is behind', async (t) => {
  const one = watched()
  const { broker } = one.replica
  broker.subscribe(['t'], { at: 'now' }, { views: false })
  publish(one, 50)
  broker.subscribe(['t'], { at: 'now' }, { views: false })
  one.metrics.ticked(0)
  one.metrics.ticked(0)
  const samples = await scrape(one.metrics)
  t.is(samples.get('lockstep_subscriber_lag_events_bucket{le="0"}'), 1)
  t.is(samples.get('lockstep_subscriber_lag_events_bucket{le="100"}'), 2)
  t.is(samples.get('lockstep_subscriber_lag_events_count'), 2)
})

test('one reads, one has stopped, one asks in vain: told apart, with how long each has stood still', async (t) => {
  const one = watched()
  const { broker } = one.replica
  const [reads, stopped, starved] = [1, 2, 3].map(() => broker.subscribe(['t'], { at: 'now' }, { views: false }))
  one.metrics.ticked(0)
  publish(one, 50)
  for (const cursor of [reads!, starved!]) cursor.onMore(() => {})
  pass(one, 0.5)
  t.like(await subscribers(one), { all: 3, behind: 0, stopped: 0 }, 'what came within the second is on its way')

  pass(one, 4.5)
  reads!.next(100, 10_000)
  pass(one, 1)
  t.deepEqual(await subscribers(one), { all: 3, behind: 2, stopped: 1, worst: 50, reader: 4, replica: 4 })

  stopped!.next(20, 10_000)
  starved!.close()
  pass(one, 1)
  t.deepEqual(await subscribers(one), { all: 2, behind: 1, stopped: 1, worst: 30, reader: 0, replica: 0 })

  stopped!.next(100, 10_000)
  pass(one, 1)
  t.deepEqual(await subscribers(one), { all: 2, behind: 0, stopped: 0, worst: 0, reader: 0, replica: 0 })
})

test('ten thousand subscribers: no tick looks at more than a small part, all are looked at in a second', async (t) => {
  const one = watched()
  const { broker } = one.replica
  for (let i = 0; i < 10_000; i++) broker.subscribe(['t'], { at: 'now' }, { views: false })
  publish(one, 7)
  const sampled = async () => (await scrape(one.metrics)).get('lockstep_subscriber_lag_events_count')
  one.metrics.ticked(0)
  t.is(await sampled(), 250)
  pass(one, 1)
  t.is(await sampled(), 10_000 + 250)
  t.like(await subscribers(one), { all: 10_000, worst: 7 })
})
