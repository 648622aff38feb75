// What waits for its answer holds on to nothing that is done with. A closure keeps alive all that any closure of its
// function names, so this is easily lost, and is noticed only in what the collector of garbage takes.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { Changes } from '../../broker/changes.ts'
import { EarlySlots } from '../../broker/early-slots.ts'
import { State } from '../../broker/events/state.ts'
import type { NewEvent } from '../../broker/http/operations.ts'
import { readPublishes } from '../../broker/http/stream/layout.ts'
import { StreamPublisher } from '../../broker/http/stream/publisher.ts'
import { operationsOf } from '../../broker/operations.ts'
import { Pending, PendingRequest } from '../../broker/pending.ts'
import { encodePlainRecord, encodePublishes } from '../../clients/src/wire.ts'
import { event, FakeGroup } from './fake-group.ts'

setFlagsFromString('--expose-gc')
const NO_CHANGES = new Changes({ wallClock: () => 0, seq: () => 0, describe: () => [] as never })
const LIMITS = { topicsMax: 1, publishersMax: 1, repliesPerPublisher: 1, retainedBytesMax: 1024 }
const collect = runInNewContext('gc') as () => void

test('a request whose events are with the group no longer keeps them as they came in', async (t) => {
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true })
  const operations = operationsOf(replicas[0]!.broker, NO_CHANGES, () => Promise.reject(new Error('not asked for')))
  const publish = (): { events: WeakRef<readonly NewEvent[]>; answered: Promise<unknown> } => {
    const events = [event(1), event(2)]
    return { events: new WeakRef(events), answered: operations.publish({ topic: 't', events }) }
  }
  const { events, answered } = publish()
  await aTurn()
  collect()
  t.is(events.deref(), undefined)
  group.settle()
  t.like(await answered, { count: 2 })
})

test('a publish of a stream that waits for its answer no longer keeps the message', async (t) => {
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true })
  const operations = operationsOf(replicas[0]!.broker, NO_CHANGES, () => Promise.reject(new Error('not asked for')))
  const said: object[] = []
  const publisher = new StreamPublisher('p', {
    operations,
    say: (message) => said.push(message),
    unexpected: (error) => t.fail(String(error)),
    changed: () => undefined,
    onRefused: () => t.fail(),
  })
  const publish = (): WeakRef<Buffer> => {
    const message = Buffer.from(
      encodePublishes(1, [{ topic: Buffer.from('t'), records: [encodePlainRecord('{"n":1}')] }]),
    )
    publisher.publish(readPublishes(message)[0]!)
    return new WeakRef(message)
  }
  const message = publish()
  await aTurn()
  collect()
  t.is(message.deref(), undefined)
  group.settle()
  while (!publisher.settled) await aTurn()
  t.like(said[0], { op: 'published' })
})

test('a request that is settled refers to nothing any more, whoever still refers to it', async (t) => {
  const pending = new Pending(10, 1000)
  const asked = (): { request: PendingRequest; waiter: WeakRef<object>; command: WeakRef<Uint8Array> } => {
    const waiter = (): void => {}
    const command = new Uint8Array(10)
    const given = { kind: 'publish', topic: 't', publisher: 'p', sequence: 1, count: 1, ownNumber: false } as const
    const request = new PendingRequest({ ...given, bytes: 10, deadline: 0, prepare: () => command, waiter })
    request.prepare()
    pending.add(request)
    return { request, waiter: new WeakRef(waiter), command: new WeakRef(command) }
  }
  const { request, waiter, command } = asked()
  t.true(pending.remove(request))
  await aTurn()
  collect()
  t.is(waiter.deref(), undefined)
  t.is(command.deref(), undefined)
  t.throws(() => request.request, { name: 'AssertionError' })
})

test('a slot that was shown early and is delivered does not refer to its batch any more', async (t) => {
  const slots = new EarlySlots(() => new State(LIMITS))
  const place = { view: 1, slot: 1, sender: { name: 'a', incarnation: 1, url: '' } }
  const shown = (): WeakRef<Uint8Array> => {
    const batch = new Uint8Array(10)
    for (const level of ['fifo', 'causal', 'agreed'] as const) slots.show({ ...place, level, batch })
    return new WeakRef(batch)
  }
  const batch = shown()
  const slot = slots.deliver(place)
  await aTurn()
  collect()
  t.is(batch.deref(), undefined)
  t.true(slot?.isClosed)
  t.is(slots.deliver(place), undefined)
})

/** What a WeakRef refers to stays until the turn in which it was made is over. */
const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
