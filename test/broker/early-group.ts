// Three replicas whose order is written by hand, and what their subscribers are given: for subscriptions below `safe`.

import type { Cursor, Order } from '../../broker/http/operations.ts'
import { asked, FakeGroup, type FakeReplica, request, texts } from './fake-group.ts'

/** Everything that there is now, in so many pieces as it takes. */
export function all(cursor: Cursor, most = 1000, bytes = 1_000_000): string[] {
  const given: string[] = []
  for (let more = cursor.next(most, bytes); more.length > 0; more = cursor.next(most, bytes)) given.push(...texts(more))
  return given
}

/** They are shown the order only when the test says so. */
export function three(): { group: FakeGroup; a: FakeReplica; b: FakeReplica; c: FakeReplica } {
  const { group, replicas } = FakeGroup.of(['a', 'b', 'c'], { autoTopics: true })
  const [a, b, c] = replicas as [FakeReplica, FakeReplica, FakeReplica]
  for (const replica of replicas) replica.attached = false
  return { group, a, b, c }
}

/** The next entry of the order. */
export function publish(
  at: FakeReplica,
  values: readonly unknown[],
  publisher?: { id: string; sequence: number },
  topic = 't',
): void {
  asked((done) => at.broker.publish(request(topic, values, publisher), done))
  at.send()
}

export function subscribe(at: FakeReplica, order: Order, topics: readonly string[] = ['t', 'u']): Cursor {
  return at.broker.subscribe(topics, { at: 'start' }, { views: false, order })
}

/** Delivers the order up to before this entry. */
export function readTo(at: FakeReplica, entry: number): void {
  const later = at.group.order.splice(entry)
  at.read()
  at.group.order.push(...later)
}
