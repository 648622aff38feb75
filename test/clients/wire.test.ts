// What a replica makes of blocks of the log, read by the client: whatever records hold, and from wherever in their table.

import test from 'ava'
import fc from 'fast-check'
import { PackedRecords, packEvents } from '../../broker/events/record.ts'
import { EventsMessage } from '../../broker/http/stream/layout.ts'
import type { Event } from '../../clients/src/items.ts'
import { numbered } from '../../clients/src/numbered.ts'
import { decodeEvents } from '../../clients/src/wire.ts'

const EVENT = fc.record(
  {
    value: fc.jsonValue({ depthSize: 'small' }),
    space: fc.constantFrom('', ' ', '\n\t'),
    key: fc.string({ unit: 'grapheme' }),
    id: fc.string({ unit: 'grapheme' }),
    time: fc.constant('2026-11-30T10:00:00.5Z'),
    extensions: fc.constant({ lang: 'de', n: 7 }),
  },
  { requiredKeys: ['value', 'space'] },
)

const BLOCK = { topic: 'orders', publisher: 'p1', numbered: { by: 'p1', number: 41 }, schemaVersion: 3, time: 1000 }

type Given = Parameters<typeof packEvents>[0][number] & { readonly value: unknown }

/** Its value is what JSON has of it: -0 is 0 there. */
function givenOf({ value, space, ...rest }: { value: unknown; space: string }): Given {
  const text = JSON.stringify(value)
  return { ...rest, value: JSON.parse(text), data: Buffer.from(`${space}${text}${space}`) }
}

/** Of the events from this one on, as the log has them together. */
function messageOf(events: readonly Given[], from: number, place: { seq: number; offset: number } | undefined): Buffer {
  const packed = new PackedRecords(Buffer.from(packEvents(events)), 0)
  const block = {
    ...BLOCK,
    count: events.length - from,
    table: packed.table(from, events.length),
    base: packed.before(from),
    records: packed.between(from, events.length),
  }
  const message = new EventsMessage(
    7,
    99,
    [place === undefined ? block : { ...block, type: 'block', ...place }],
    !place,
  )
  const bytes = Buffer.alloc(message.length)
  message.writeTo(bytes, 0)
  return bytes
}

test('blocks of any records: each event is what was published, under its place', (t) => {
  const events = fc.array(EVENT, { minLength: 1, maxLength: 12 })
  const check = fc.property(events, fc.nat(11), fc.nat(3000), (all, skipped, seq) => {
    const given = all.map(givenOf)
    const from = skipped % given.length
    const message = decodeEvents(messageOf(given, from, { seq: seq + 1, offset: 5 }), 'cafe')
    t.is(message.sub, 7)
    t.is(message.through, 99)
    t.deepEqual(
      message.events,
      given.slice(from).map(({ value, id, key, time, extensions }, i) => ({
        kind: 'event',
        id: id ?? `cafe-${seq + 1 + i}`,
        data: value,
        seq: seq + 1 + i,
        offset: 5 + i,
        token: `cafe:${seq + 1 + i}`,
        topic: 'orders',
        type: 'orders',
        source: '/topics/orders',
        time: time ?? '1970-01-01T00:00:01.000Z',
        key,
        schemaVersion: 3,
        publisher: 'p1',
        extensions,
      })) as Event<unknown>[],
    )
  })
  fc.assert(check)
})

test('shown early: names instead of places', (t) => {
  const given = [givenOf({ value: { n: 1 }, space: '' }), givenOf({ value: 'ü', space: ' ' })]
  const { events } = decodeEvents(messageOf(given, 0, undefined), 'cafe')
  const rest = { kind: 'event', id: undefined, seq: undefined, offset: undefined, token: undefined, topic: 'orders' }
  t.like(events, { 0: { ...rest, ref: 'p1:41', data: { n: 1 } }, 1: { ...rest, ref: 'p1:42', data: 'ü' }, length: 2 })
})

test('numbers behind a text: in any order, each as it is written', (t) => {
  const number = fc.oneof(fc.nat(2100), fc.integer({ min: 998_990, max: 1_001_010 }), fc.maxSafeNat())
  const check = fc.property(fc.array(number, { minLength: 1, maxLength: 30 }), (numbers) => {
    const name = numbered('cafe-')
    for (const n of numbers) t.is(name(n), `cafe-${n}`)
  })
  fc.assert(check)
})
