// Every message survives the way to bytes and back, and no bytes whatever make the codec throw.

import test from 'ava'
import fc from 'fast-check'
import { encodeBatch, HEADROOM_BYTES } from '../../broker/group/batch.ts'
import { decode, encode, encodeSlot } from '../../broker/group/codec.ts'
import { describe } from '../../broker/group/describe.ts'
import type { Envelope, HeaderFields, LogEntry, Message, Proposal, Slot } from '../../broker/group/message.ts'

const count = fc.maxSafeNat()
const rank = fc.nat({ max: 29 })
const ranks = fc.nat({ max: 2 ** 30 - 1 })
const counts = fc.array(count, { maxLength: 30 })
const bytes = fc.uint8Array({ maxLength: 200 })
const memberId = fc.record({ name: fc.string(), incarnation: count, url: fc.string() })
const members = fc.array(memberId, { maxLength: 7 })
const slot: fc.Arbitrary<Slot> = fc.record({
  sender: rank,
  slot: count,
  previousPayload: count,
  causes: counts,
  batch: bytes,
})
const proposal: fc.Arbitrary<Proposal> = fc.record({
  birth: count,
  history: count,
  view: count,
  oldMembers: members,
  members,
  leaving: fc.array(count, { maxLength: 7 }),
  trim: counts,
})
const header: fc.Arbitrary<HeaderFields> = fc.record({
  rank,
  watermark: count,
  lastPayload: count,
  held: counts,
  hears: ranks,
  ask: fc.boolean(),
  leaving: fc.boolean(),
  digest: fc.record({ position: count, digest: fc.nat(2 ** 32 - 1) }),
})
const entry: fc.Arbitrary<LogEntry> = fc.oneof(
  fc.record({ kind: fc.constant('slot' as const), view: count, slot: count, rank, batch: bytes }),
  fc.record({ kind: fc.constant('view' as const), proposal }),
)

function kind<K extends Message['kind']>(name: K): { kind: fc.Arbitrary<K> } {
  return { kind: fc.constant(name) }
}

const message: fc.Arbitrary<Message> = fc.oneof(
  header.map((fields) => ({ kind: 'header' as const, ...fields })),
  fc.tuple(header, slot).map(([fields, record]) => ({ kind: 'slot' as const, ...fields, record })),
  fc.record({ ...kind('want'), rank, from: count, to: count }),
  fc.record({
    ...kind('repair'),
    slotsView: fc.nat(),
    rank,
    from: count,
    to: count,
    records: fc.array(slot, { maxLength: 5 }),
  }),
  fc.record({ ...kind('beat'), promised: count, hears: ranks, leaving: fc.boolean() }),
  fc.record({ ...kind('ping'), number: count }),
  fc.record({ ...kind('pong'), number: count }),
  fc.record({ ...kind('collect'), ballot: count, hears: ranks }),
  fc.record({
    ...kind('state'),
    ballot: count,
    url: fc.string(),
    held: counts,
    hears: ranks,
    observersHeard: fc.array(count, { maxLength: 7 }),
    leaving: fc.boolean(),
    accepted: fc.option(fc.record({ ballot: count, proposal }), { nil: undefined }),
    position: count,
    settings: fc.string(),
  }),
  fc.record({ ...kind('refuse'), ballot: count }),
  fc.record({ ...kind('cut'), ballot: count, members, trim: counts, position: count, floor: counts }),
  fc.record({ ...kind('ready'), ballot: count }),
  fc.record({ ...kind('propose'), ballot: count, proposal, holders: counts }),
  fc.record({ ...kind('accept'), ballot: count }),
  fc.record({ ...kind('install'), proposal }),
  fc.record({ ...kind('missed') }),
  fc.record({ ...kind('out'), members }),
  fc.record({
    ...kind('join'),
    url: fc.string(),
    position: count,
    heard: fc.array(count, { maxLength: 7 }),
    wantsIn: fc.boolean(),
    settings: fc.string(),
  }),
  fc.record({ ...kind('pull'), position: count, snapshot: count, offset: count }),
  fc.record({
    ...kind('log'),
    from: count,
    entries: fc.array(entry, { maxLength: 5 }),
    head: count,
    settings: fc.string(),
  }),
  fc.record({
    ...kind('chunk'),
    position: count,
    head: count,
    key: fc.record({ slot: count, rank }),
    number: fc.nat(),
    members,
    total: count,
    offset: count,
    bytes,
  }),
)

const envelope: fc.Arbitrary<Envelope> = fc.record({
  history: count,
  view: count,
  sender: fc.record({ name: fc.string(), incarnation: count }),
  message,
})

test('every message: the same after encoding and decoding, and can be described', (t) => {
  fc.assert(
    fc.property(envelope, (original) => {
      const datagram = encode(original)
      t.deepEqual(decode(datagram), original)
      t.true(describe(datagram).startsWith(original.message.kind))
    }),
    { numRuns: 500 },
  )
})

test('a datagram cut short, or with a byte changed, or any bytes: decoded or undefined, never thrown', (t) => {
  fc.assert(
    fc.property(envelope, fc.nat(), fc.nat({ max: 255 }), (original, at, value) => {
      const datagram = encode(original)
      t.is(decode(datagram.subarray(0, at % datagram.length)), undefined)
      const changed = datagram.slice()
      changed[at % changed.length] = value
      t.notThrows(() => decode(changed))
    }),
    { numRuns: 500 },
  )
  fc.assert(fc.property(bytes, (any) => t.notThrows(() => decode(any))))
})

test('a batch that is decoded is a part of the datagram: nothing is copied before it is known to be kept', (t) => {
  const record = { sender: 0, slot: 1, previousPayload: 0, causes: [0], batch: new Uint8Array([1, 2, 3]) }
  const digest = { position: 16, digest: 7 }
  const fields = { rank: 0, watermark: 1, lastPayload: 1, held: [1], hears: 1, ask: false, leaving: false, digest }
  const message = { kind: 'slot', ...fields, record } as const
  const datagram = encode({ history: 1, view: 1, sender: { name: 'a', incarnation: 1 }, message })
  const decoded = decode(datagram)!
  t.deepEqual(decoded.message, message)
  t.is(decoded.message.kind === 'slot' && decoded.message.record.batch.buffer, datagram.buffer)
})

test('a slot around a batch that was just made: the same bytes, without a copy while its head fits before it', (t) => {
  for (const [name, fits] of [['a', true] as const, ['a'.repeat(HEADROOM_BYTES), false] as const])
    fc.assert(
      fc.property(count, slot, fc.array(bytes, { minLength: 1 }), (incarnation, record, requests) => {
        const made = encodeBatch(requests)
        const digest = { position: 16, digest: 7 }
        const fields = {
          rank: 0,
          watermark: 1,
          lastPayload: 1,
          held: [1],
          hears: 1,
          ask: false,
          leaving: false,
          digest,
        }
        const { batch, room } = made
        const message = { kind: 'slot', ...fields, record: { ...record, causes: [1, 2, 3], batch } } as const
        const original = { history: 1, view: 1, sender: { name, incarnation }, message }
        const datagram = encodeSlot(original, room)
        t.deepEqual(datagram, encode(original))
        t.is(datagram.buffer === room.buffer, fits)
      }),
      { numRuns: 200 },
    )
})
