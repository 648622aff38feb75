// A subscription alone, told by hand what a replica says: what no living group can be brought to say in time.

import test from 'ava'
import type { WebSocketClass } from '../../clients/src/connection.ts'
import { connect } from '../../clients/src/index.ts'
import { Subscription } from '../../clients/src/subscription.ts'
import { SilentSocket } from './silent-socket.ts'

test('until a place, and the group is another one meanwhile: a gap, and the end, since that place will not come', async (t) => {
  const subscription = new Subscription(1, ['orders'], { from: 'start', until: 10 }, { unhappy() {}, closed() {} })
  subscription.message({ op: 'subscribed', sub: 1, history: 'one', seq: 0 })
  subscription.progress('one', 9)
  subscription.detach()
  subscription.message({ op: 'subscribed', sub: 1, history: 'two', seq: 0 })
  subscription.message({ op: 'gap', sub: 1, from: 0, to: 0, reason: 'history-changed', history: 'two' })
  t.like(await subscription.next(), { value: { kind: 'gap', reason: 'history-changed' } })
  t.like(await subscription.next(), { done: true })
})

test('the token of a program that has not taken a gap yet leads before it', (t) => {
  const subscription = new Subscription(1, ['orders'], { from: 'start', views: true }, { unhappy() {}, closed() {} })
  const view = (seq: number) => {
    const members = { members: [], joined: [], left: [], failed: [] }
    subscription.message({ op: 'view', sub: 1, seq, number: seq, ...members })
  }
  subscription.message({ op: 'subscribed', sub: 1, history: 'one', seq: 0 })
  subscription.progress('one', 5)
  subscription.message({ op: 'gap', sub: 1, from: 6, to: 8, reason: 'retention', history: 'one' })
  view(9)
  t.is(subscription.token, 'one:5')
  void subscription.next()
  t.is(subscription.token, 'one:8')
  subscription.message({ op: 'gap', sub: 1, from: 0, to: 0, reason: 'history-changed', history: 'two' })
  view(1)
  t.is(subscription.token, 'one:8', 'places of the former group stay there')
  void subscription.next()
  t.is(subscription.token, 'one:9')
  void subscription.next()
  t.is(subscription.token, 'two:0')
})

test('a signal that is aborted already: it is over, and nothing of it is kept', async (t) => {
  const client = connect({ replicas: 'http://127.0.0.1:1', WebSocket: SilentSocket as unknown as WebSocketClass })
  t.teardown(() => client.close())
  const subscription = client.subscribe(['orders'], { signal: AbortSignal.abort() })
  t.like(await subscription.next(), { done: true })
  t.is(Reflect.get(client, 'subscriptions').size, 0)
})

test('more subscriptions than a stream may have: the last one says so, and the others stay where they are', async (t) => {
  const subscription = new Subscription(1, ['orders'], {}, { unhappy: () => t.fail(), closed() {} })
  subscription.message({ op: 'ended', sub: 1, code: 'LIMIT', detail: 'too many' })
  await t.throwsAsync(() => subscription.next(), { code: 'LIMIT' })
})
