// A subscription alone, told by hand what a replica says: what no living group can be brought to say in time.

import test from 'ava'
import { Subscription } from '../../clients/src/subscription.ts'

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
