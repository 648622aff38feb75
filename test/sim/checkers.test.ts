// A checker that has never caught anything proves nothing: each is shown a history that breaks its guarantee, and a
// clean one.

import test from 'ava'
import { EARLY_LEVELS, type EarlyLevel } from '../../broker/group/port.ts'
import { allCheckers } from './checkers/all.ts'
import type { Ended, Observation } from './observation.ts'

const A = 101
const B = 102
const C = 103
const RANKS = new Map([
  [A, 0],
  [B, 1],
  [C, 2],
])
const HISTORY = 7

/** What all checkers together say of a history, with the id of the one that speaks. */
function broken(history: readonly Observation[]): string[] {
  const checkers = allCheckers()
  return history.flatMap((observation) =>
    checkers.flatMap((checker) => {
      const text = checker.see(observation)
      return text === undefined ? [] : [`${checker.id} ${text}`]
    }),
  )
}

function name(incarnation: number): string {
  return `${'abc'[RANKS.get(incarnation) ?? 0]}#1`
}

function view(
  of: number,
  number: number,
  position: number,
  members: readonly number[],
  history = HISTORY,
): Observation {
  return {
    type: 'view',
    process: name(of),
    incarnation: of,
    member: members.includes(of),
    history,
    number,
    position,
    members,
    joined: [],
    left: [],
    failed: [],
  }
}

function delivered(
  at: number,
  position: number,
  sender: number,
  slot: number,
  tokens: readonly number[],
  more: Partial<Extract<Observation, { type: 'delivered' }>> = {},
): Observation {
  return {
    type: 'delivered',
    process: name(at),
    history: HISTORY,
    position,
    view: 1,
    slot,
    sender,
    rank: RANKS.get(sender) ?? 0,
    checksum: tokens.reduce((sum, token) => 31 * sum + token, 1),
    tokens,
    ...more,
  }
}

function early(
  at: number,
  level: EarlyLevel,
  sender: number,
  slot: number,
  tokens: readonly number[],
  type: 'early' | 'retract' = 'early',
): Observation {
  const rank = RANKS.get(sender) ?? 0
  const checksum = tokens.reduce((sum, token) => 31 * sum + token, 1)
  return { type, process: name(at), level, history: HISTORY, view: 1, slot, rank, checksum, tokens }
}

function submitted(by: number, token: number): Observation {
  return { type: 'submitted', process: name(by), incarnation: by, token }
}

function received(at: number, sender: number, slot: number, previousPayload: number): Observation {
  const rank = RANKS.get(sender) ?? 0
  return { type: 'received', process: name(at), history: HISTORY, view: 1, rank, slot, previousPayload, by: 'slot' }
}

function acknowledged(at: number, position: number, token: number): Observation {
  return { type: 'acknowledged', process: name(at), history: HISTORY, position, token }
}

function ended(more: Partial<Ended> = {}): Ended {
  return {
    type: 'ended',
    excused: false,
    processes: [A, B].map((incarnation) => ({
      process: name(incarnation),
      incarnation,
      role: 'member',
      history: HISTORY,
      view: 2,
      members: [A, B],
      position: 4,
    })),
    confirmed: new Map([['publisher 1', 2]]),
    subscribers: ['subscriber 1'],
    undelivered: [],
    complaints: [],
    idle: { ms: 500, sent: { header: 20 } },
    heartbeatMs: 50,
    ...more,
  }
}

function notified(sequence: number, place: number): Observation {
  return { type: 'notified', subscriber: 'subscriber 1', publisher: 'publisher 1', sequence, place }
}

/** A subscriber below `safe`. */
function told(type: 'shown' | 'takenBack', sequence: number, order: EarlyLevel = 'agreed', of = 1): Observation {
  return { type, subscriber: `${order} subscriber`, order, publisher: `publisher ${of}`, sequence }
}

function placed(sequence: number, place: number, kept: boolean, order: EarlyLevel = 'agreed'): Observation {
  const publisher = 'publisher 1'
  return { type: 'notified', subscriber: `${order} subscriber`, publisher, sequence, place, kept }
}

/** Three members; two events; c dies; a and b go on. */
const CLEAN: readonly Observation[] = [
  ...[A, B, C].map((of): Observation => ({ type: 'started', process: name(of), incarnation: of })),
  ...[A, B, C].map((of) => view(of, 1, 1, [A, B, C])),
  submitted(A, 1),
  received(B, A, 1, 0),
  early(B, 'fifo', A, 1, [1]),
  early(B, 'causal', A, 1, [1]),
  submitted(B, 2),
  early(B, 'fifo', B, 2, [2]),
  received(A, B, 2, 0),
  early(A, 'fifo', B, 2, [2]),
  early(A, 'fifo', B, 4, [7]),
  delivered(A, 2, A, 1, [1]),
  acknowledged(A, 2, 1),
  delivered(B, 2, A, 1, [1]),
  delivered(C, 2, A, 1, [1]),
  { type: 'state', process: name(A), history: HISTORY, position: 2, digest: 'x' },
  { type: 'state', process: name(B), history: HISTORY, position: 2, digest: 'x' },
  { type: 'snapshot', process: name(A), history: HISTORY, position: 2, bytes: 4, checksum: 9 },
  { type: 'died', process: name(C) },
  early(A, 'causal', B, 2, [2]),
  early(A, 'agreed', B, 2, [2]),
  delivered(B, 3, B, 2, [2]),
  delivered(A, 3, B, 2, [2]),
  acknowledged(B, 3, 2),
  early(A, 'fifo', B, 4, [7], 'retract'),
  view(A, 2, 4, [A, B]),
  view(B, 2, 4, [A, B]),
  notified(1, 1),
  notified(2, 2),
  told('shown', 1),
  told('shown', 2),
  told('takenBack', 2),
  placed(1, 1, true),
  told('shown', 2),
  placed(2, 2, true),
  placed(3, 3, false),
  { type: 'confirmed', publisher: 'publisher 1', sequence: 2 },
  ended(),
]

/** The clean history, with one observation replaced, by its place, or more put in after it. */
function bent(at: (observation: Observation) => boolean, replacement: readonly Observation[]): Observation[] {
  const place = CLEAN.findIndex(at)
  return [...CLEAN.slice(0, place), ...replacement, ...CLEAN.slice(place + 1)]
}

const isView2 = (of: number) => (one: Observation) => one.type === 'view' && one.number === 2 && one.incarnation === of
const isDelivered = (at: number, position: number) => (one: Observation) =>
  one.type === 'delivered' && one.process === name(at) && one.position === position
const isEarly = (at: number, level: EarlyLevel, slot: number) => (one: Observation) =>
  one.type === 'early' && one.process === name(at) && one.level === level && one.slot === slot
const isRetract = (one: Observation): boolean => one.type === 'retract'
const isEnded = (one: Observation): boolean => one.type === 'ended'

test('a clean history: no checker speaks', (t) => {
  t.deepEqual(broken(CLEAN), [])
})

const VIOLATIONS: readonly (readonly [id: string, what: string, history: readonly Observation[], says: RegExp])[] = [
  ['G1', 'two members install different views of one number', bent(isView2(B), [view(B, 2, 4, [B, A])]), /view 2 of/],
  [
    'G1',
    'a member installs a view that it is not in',
    bent(isView2(B), [{ ...view(B, 2, 4, [A]), member: true } as Observation]),
    /is not in it/,
  ],
  ['G1', 'a view number comes again', bent(isView2(B), [view(B, 1, 4, [A, B, C])]), /after view 1/],
  [
    'G1',
    'members do not agree on who failed',
    bent(isView2(B), [{ ...view(B, 2, 4, [A, B]), left: [C] } as Observation]),
    /left \[103\]/,
  ],
  ['G2', 'a member goes on without a delivery', bent(isDelivered(A, 3), []), /go together from view 1 to 2/],
  [
    'G2',
    'members that go together delivered other bytes in one slot',
    bent(isDelivered(A, 3), [delivered(A, 3, B, 2, [2], { checksum: 5 })]),
    /go together/,
  ],
  [
    'G3',
    'two members have different entries at one position',
    bent(isDelivered(A, 3), [delivered(A, 3, B, 3, [2])]),
    /position 3: a#1 has slot 3/,
  ],
  ['G3', 'a position is left out', bent(isDelivered(B, 3), [delivered(B, 4, B, 2, [2])]), /position 4 after 2/],
  [
    'G3',
    'an effect sorts before its cause',
    [
      ...CLEAN.slice(0, 6),
      submitted(A, 1),
      submitted(B, 2),
      received(A, B, 3, 0),
      submitted(A, 3),
      delivered(A, 2, A, 2, [3]),
      delivered(A, 3, B, 3, [2]),
    ],
    /before its cause, slot 3 of rank 1/,
  ],
  [
    'G3',
    'a member goes back in the order',
    [
      ...CLEAN.slice(0, -1),
      { type: 'restored', process: name(A), history: HISTORY, position: 2, view: 1, members: [A, B, C] },
    ],
    /goes back/,
  ],
  [
    'G4',
    'one that died delivered what the others go on without',
    [...CLEAN.slice(0, 6), submitted(A, 1), delivered(C, 2, A, 1, [1]), view(A, 2, 2, [A, B])],
    /goes on to view 2 without slot 1 of rank 0/,
  ],
  [
    'G4',
    'an excluded member delivers more in the old view',
    [...CLEAN.slice(0, 6), submitted(A, 1), view(A, 2, 2, [A, B]), delivered(C, 2, A, 1, [1])],
    /left without it/,
  ],
  [
    'G5',
    'a request is delivered twice',
    bent(isDelivered(A, 3), [delivered(A, 3, B, 2, [2]), delivered(A, 4, B, 3, [1])]),
    /request 1 at position 4 and it is at 2 already/,
  ],
  ['G5', 'nobody submitted it', bent(isDelivered(A, 2), [delivered(A, 2, A, 1, [99])]), /nobody submitted/],
  [
    'G5',
    'requests of one member change places',
    [...CLEAN.slice(0, 6), submitted(A, 1), submitted(A, 2), delivered(A, 2, A, 1, [2]), delivered(A, 3, A, 2, [1])],
    /fifo/,
  ],
  [
    'G5',
    'an effect is delivered without the cause that its sender held',
    [...CLEAN.slice(0, 6), submitted(A, 1), received(B, A, 1, 0), submitted(B, 2), delivered(B, 2, B, 1, [2])],
    /causal/,
  ],
  [
    'G5',
    'a request that was given back is delivered',
    bent(isDelivered(A, 2), [{ type: 'unsent', process: name(A), token: 1 }, delivered(A, 2, A, 1, [1])]),
    /given back/,
  ],
  [
    'G6',
    'an acknowledged request is not in the next view',
    [...CLEAN.slice(0, 6), submitted(A, 1), delivered(A, 2, A, 1, [1]), acknowledged(A, 2, 1), view(B, 2, 2, [B, C])],
    /request 1 was acknowledged at position 2/,
  ],
  [
    'G6',
    'another request is at the place of an acknowledged one',
    bent(isDelivered(B, 2), [submitted(A, 5), delivered(B, 2, A, 1, [5])]),
    /delivers others/,
  ],
  [
    'G6',
    'a member ends short of an acknowledged request',
    bent(isEnded, [ended({ processes: ended().processes.map((one) => ({ ...one, position: 2 })) })]),
    /at the end a#1 is at 2/,
  ],
  ['G7', 'a subscriber is given an event twice', [...CLEAN.slice(0, -1), notified(2, 3)], /again/],
  ['G7', 'a subscriber misses an event', [...CLEAN.slice(0, -1), notified(4, 3)], /a gap/],
  [
    'G7',
    'a confirmed event reaches no subscriber',
    bent(isEnded, [ended({ confirmed: new Map([['publisher 1', 3]]) })]),
    /was given them up to 2/,
  ],
  [
    'G8',
    'digests differ at one position',
    [...CLEAN, { type: 'state', process: name(B), history: HISTORY, position: 2, digest: 'y' }],
    /has the digest y/,
  ],
  [
    'G8',
    'snapshots of one position differ',
    [...CLEAN, { type: 'snapshot', process: name(B), history: HISTORY, position: 2, bytes: 4, checksum: 8 }],
    /takes a snapshot/,
  ],
  [
    'G9',
    'an old view goes on beside a new one',
    [
      ...CLEAN.slice(0, 6),
      submitted(A, 1),
      submitted(C, 3),
      view(A, 2, 2, [A, B]),
      delivered(A, 3, A, 1, [1], { view: 2 }),
      delivered(C, 2, C, 1, [], {}),
      delivered(C, 3, C, 2, [3], {}),
    ],
    /extends view 1/,
  ],
  [
    'G9',
    'a second history begins beside a living one',
    [...CLEAN.slice(0, -1), { ...view(C, 1, 1, [C], 8), process: 'c#2' } as Observation],
    /of history 8/,
  ],
  [
    'G10',
    'a process is left outside',
    bent(isEnded, [ended({ processes: [...ended().processes, { ...ended().processes[0]!, role: 'observer' }] })]),
    /observer/,
  ],
  ['G10', 'a request is never delivered', bent(isEnded, [ended({ undelivered: [5] })]), /never delivered/],
  [
    'G10',
    'the group talks though it is idle',
    bent(isEnded, [ended({ idle: { ms: 500, sent: { header: 90 } } })]),
    /more than 22 heartbeats/,
  ],
  [
    'G10',
    'an idle group changes views',
    bent(isEnded, [ended({ idle: { ms: 500, sent: { collect: 1 } } })]),
    /kind collect/,
  ],
  [
    'G10',
    'an idle member keeps what everybody has',
    bent(isEnded, [ended({ processes: ended().processes.map((one) => ({ ...one, slotsKept: 3 })) })]),
    /keeps 3 slots/,
  ],
]

const EARLY: typeof VIOLATIONS = [
  ['shown twice', bent(isEarly(A, 'fifo', 4), [early(A, 'fifo', B, 2, [2])]), /after slot 2 of that sender/],
  ['shown without its cause', bent(isDelivered(A, 2), [early(A, 'causal', B, 2, [2])]), /before slot 1 of rank 0/],
  ['shown as causal and not as fifo', bent(isEarly(A, 'fifo', 2), []), /when it was shown as undefined/],
  ['shown with other bytes', bent(isEarly(A, 'fifo', 2), [early(A, 'fifo', B, 2, [3])]), /elsewhere it has/],
  [
    'shown as agreed in another order than it is delivered',
    bent(isDelivered(A, 2), [
      submitted(C, 9),
      ...EARLY_LEVELS.map((level) => early(A, level, C, 1, [9])),
      delivered(A, 2, A, 1, [1]),
    ]),
    /after it showed slot 1 of rank 2/,
  ],
  ['shown when a view is over that it was in', bent(isEnded, [early(A, 'fifo', B, 9, [])]), /not in that view/],
  [
    'delivered behind one that was shown',
    bent(isEarly(A, 'fifo', 2), []),
    /never shown as fifo, after it showed slot 4/,
  ],
  ['never taken back', bent(isRetract, []), /neither delivered nor taken back/],
  [
    'taken back and delivered',
    bent(isDelivered(A, 3), [early(A, 'agreed', B, 2, [2], 'retract'), delivered(A, 3, B, 2, [2])]),
    /which it took back/,
  ],
  [
    'taken back at another level',
    bent(isRetract, [early(A, 'causal', B, 4, [7], 'retract')]),
    /which was shown as fifo/,
  ],
  [
    'shown as causal, and taken back by one that goes on',
    bent(isRetract, [early(A, 'causal', B, 4, [7]), early(A, 'causal', B, 4, [7], 'retract')]),
    /goes on from view 1, and took back/,
  ],
].map(([what, history, says]) => ['G11', what, history, says] as (typeof VIOLATIONS)[number])

const isTold = (type: 'shown' | 'takenBack', sequence: number) => (one: Observation) =>
  one.type === type && one.sequence === sequence
const isPlaced = (sequence: number) => (one: Observation) =>
  one.type === 'notified' && one.subscriber === 'agreed subscriber' && one.sequence === sequence

const SHOWN: readonly (typeof VIOLATIONS)[number][] = [
  ['shown, not in the order of its publisher', bent(isTold('shown', 1), []), /is shown .* 2 after 0/],
  ['shown twice', bent(isTold('shown', 1), [told('shown', 1), told('shown', 1)]), /is shown .* 1 after 1/],
  ['shown when it has its place', [...CLEAN.slice(0, -1), told('shown', 3), ended()], /is shown .* 3 after 3/],
  ['taken back, and not shown', bent(isTold('takenBack', 2), [told('takenBack', 9)]), /and not shown/],
  ['taken back twice', bent(isTold('takenBack', 2), [told('takenBack', 2), told('takenBack', 2)]), /and not shown/],
  ['kept, and not shown', bent(isPlaced(3), [placed(3, 3, true)]), /is kept, which it was not shown/],
  ['given instead of kept', bent(isPlaced(2), [placed(2, 2, false)]), /is given .* again, which it was shown/],
  [
    'agreed, and kept in another order',
    bent(isTold('shown', 1), [told('shown', 1, 'agreed', 2), told('shown', 1)]),
    /is given .* after it was shown publisher 2's event 1/,
  ],
  ['neither kept nor taken back', bent(isPlaced(2), []), /is left with .* 2, neither/],
].map(([what, history, says]) => ['G12', what, history, says] as (typeof VIOLATIONS)[number])

test('G12: at fifo publishers may be kept in another order than they were shown', (t) => {
  const shown = [told('shown', 1, 'fifo', 2), told('shown', 1, 'fifo'), placed(1, 1, true, 'fifo')]
  t.deepEqual(broken([...CLEAN.slice(0, -1), ...shown, told('takenBack', 1, 'fifo', 2), ended()]), [])
})

for (const [id, what, history, says] of [...VIOLATIONS, ...EARLY, ...SHOWN])
  test(`${id}, ${what}: the checker says so`, (t) => {
    const said = broken(history)
    const mine = said.filter((text) => text.startsWith(`${id} `))
    t.true(mine.length > 0, `it said nothing; others: ${said.join('; ')}`)
    t.regex(mine.join('\n'), says)
  })

test('crashes took the quorum: liveness is excused, and safety is not', (t) => {
  const end = ended({ excused: true, complaints: ['stuck'], idle: undefined })
  t.deepEqual(broken(bent(isEnded, [end])), [])
  t.true(
    broken([...bent(isEnded, [end]), view(B, 3, 5, [B]), view(B, 2, 6, [B])]).some((text) => text.startsWith('G1')),
  )
})
