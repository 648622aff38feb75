import test from 'ava'
import fc from 'fast-check'
import { type Command, decodeCommand, encodeCommand } from '../../broker/events/command.ts'
import { decodeRecord, encodeRecord, PackedRecords, packEvents, packRecords } from '../../broker/events/record.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data))
const text = fc.string({ unit: 'grapheme', maxLength: 40 })

const event = fc.record(
  {
    data: bytes,
    key: text,
    id: text,
    type: text,
    source: text,
    time: text,
    extensions: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
      noNullPrototype: true,
    }),
  },
  { requiredKeys: ['data'] },
)
const records = fc.array(event, { minLength: 1, maxLength: 8 })

const header = {
  time: fc.double({ min: 0, max: 8.64e15, noNaN: true }).map((time) => time + 0),
  publisher: text,
  sequence: fc.nat({ max: Number.MAX_SAFE_INTEGER - 10 }),
}
const publish = fc.record({
  ...header,
  kind: fc.constant('publish' as const),
  topic: text,
  schemaVersion: fc.nat(0xffffffff),
  topicLife: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  autoCreate: fc.boolean(),
  gapsAllowed: fc.boolean(),
  records: records.map((events) => Buffer.from(packEvents(events))),
})
const settings = fc.record(
  {
    schema: bytes,
    retention: fc.record({ events: fc.nat(), bytes: fc.nat(), ageMs: fc.nat() }, { requiredKeys: [] }),
    compatibility: fc.constantFrom('backward' as const, 'none' as const),
  },
  { requiredKeys: ['retention'] },
)
const command: fc.Arbitrary<Command> = fc.oneof(
  publish,
  fc.record({
    ...header,
    kind: fc.constant('putTopic' as const),
    topic: text,
    settings,
    expectedVersion: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  }),
  fc.record({ ...header, kind: fc.constant('deleteTopic' as const), topic: text }),
  fc.record({ ...header, kind: fc.constant('clock' as const) }),
)

/** Without fast-check's prototypes. */
const plain = (value: Command): Command => ({ ...value })

test('any command: what is decoded is what was encoded', (t) => {
  fc.assert(
    fc.property(command, (one) => {
      const decoded = decodeCommand(encodeCommand(one))
      t.deepEqual(decoded as Command, plain(one))
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('a command in the middle of a larger buffer decodes alike, its records a view into that buffer', (t) => {
  fc.assert(
    fc.property(publish, fc.nat(50), (one, before) => {
      const encoded = encodeCommand(one)
      const larger = Buffer.concat([Buffer.alloc(before, 0xff), encoded, Buffer.alloc(7, 0xff)])
      const decoded = decodeCommand(larger.subarray(before, before + encoded.length))
      if (decoded.kind !== 'publish') return t.fail()
      t.is(decoded.records.buffer, larger.buffer)
      t.deepEqual(decoded as Command, plain(one))
    }),
    { seed: 1 },
  )
})

test('bytes cut short anywhere are no command, but for the end of a schema', (t) => {
  fc.assert(
    fc.property(command, fc.double({ min: 0, max: 1, noNaN: true }), (one, share) => {
      fc.pre(one.kind !== 'putTopic')
      const encoded = encodeCommand(one)
      const cut = encoded.subarray(0, Math.min(encoded.length - 1, Math.floor(share * encoded.length)))
      t.throws(() => decodeCommand(cut))
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('bytes left over, an unknown kind, a table that does not fit: no command', (t) => {
  const clock = Buffer.from(encodeCommand({ kind: 'clock', time: 1, publisher: '', sequence: 0 }))
  t.throws(() => decodeCommand(Buffer.concat([clock, Buffer.alloc(1)])))
  clock[0] = 9
  t.throws(() => decodeCommand(clock), { message: /kind/ })
  const publishing = { kind: 'publish', time: 1, publisher: '', sequence: 0, topic: 'a', schemaVersion: 0 } as const
  const options = { autoCreate: false, gapsAllowed: false }
  t.throws(() => encodeCommand({ ...publishing, ...options, records: [] }), { message: /no record/ })
  t.throws(() => encodeCommand({ ...publishing, ...options, records: Buffer.from([255, 255, 255, 255]) }))
  const records = [encodeRecord({ data: Buffer.from('1') })]
  t.throws(() => encodeCommand({ ...publishing, ...options, records, time: Number.NaN }), { message: /time/ })
  t.throws(() => encodeCommand({ ...publishing, ...options, records, sequence: Number.MAX_SAFE_INTEGER }), {
    message: /sequence/,
  })
})

test('any events: packed one by one or at once they are the same bytes, and each is found again', (t) => {
  fc.assert(
    fc.property(records, (events) => {
      const packed = Buffer.from(packEvents(events))
      t.is(Buffer.compare(packed, packRecords(events.map(encodeRecord))), 0)
      const found = new PackedRecords(packed, 0)
      t.is(found.count, events.length)
      t.deepEqual(
        events.map((_, i) => decodeRecord(found.record(i))),
        events.map((one) => ({ ...one })),
      )
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('an event of which only the data was given costs one byte besides it', (t) => {
  t.is(encodeRecord({ data: Buffer.from('{"a":1}') }).length, 8)
})
