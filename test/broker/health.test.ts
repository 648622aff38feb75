import test from 'ava'
import { Progress } from '../../broker/progress.ts'
import { asked, FakeGroup, request } from './fake-group.ts'

test('stalled: from when something began to wait, or from the last step', (t) => {
  const progress = new Progress(0)
  progress.look(5, false, 1000)
  t.is(progress.stalledMs(9000), 0, 'nothing waits')
  progress.look(5, true, 10_000)
  t.is(progress.stalledMs(10_400), 400)
  progress.look(6, true, 11_000)
  progress.look(6, true, 12_000)
  t.is(progress.stalledMs(12_500), 1500)
  progress.look(6, false, 13_000)
  t.is(progress.stalledMs(20_000), 0)
})

test('primary, and nothing becomes safe: not ready until it does, however healthy the view looks', (t) => {
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true })
  const { broker } = replicas[0]!
  group.pass(10_000)
  t.is(broker.unready(), undefined, 'an idle group is well')
  const answer = asked((done) => broker.publish(request('t', [1]), done))
  group.pass(3900)
  t.is(broker.unready(), undefined)
  group.pass(200)
  t.true(broker.cluster().primary)
  t.regex(broker.unready()!, /nothing has become safe for 4\.[01] s/)
  t.true(broker.stalledMs >= 4000 && broker.stalledMs <= 4100)
  group.settle()
  group.pass(50)
  t.is(answer.text, 'done')
  t.is(broker.unready(), undefined)
  t.is(broker.stalledMs, 0)
})

test('under load that becomes safe late, but steadily: ready', (t) => {
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true })
  const { broker } = replicas[0]!
  for (let i = 0; i < 20; i++) {
    asked((done) => broker.publish(request('t', [i]), done))
    group.pass(1000)
    t.is(broker.unready(), undefined)
    if (i % 2 === 1) group.settle()
  }
})

test('fewer members than minReplicas, not primary, left: not ready, and why', (t) => {
  const small = FakeGroup.of(['a'], { minReplicas: 2 }).replicas[0]!
  t.regex(small.broker.unready()!, /the view has 1 members, and below minReplicas = 2/)
  const { replicas } = FakeGroup.of(['a', 'b', 'c'])
  const [a, b, c] = replicas
  a!.primary = false
  t.regex(a!.broker.unready()!, /it cannot reach a majority/)
  b!.broker.output({ type: 'exit', reason: 'left' })
  t.regex(b!.broker.unready()!, /it has left the group: left/)
  c!.exclude()
  t.regex(c!.broker.unready()!, /outside the group/)
})
