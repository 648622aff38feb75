// A judge that has never caught anything proves nothing: each is shown the record of a run in which its guarantee was
// broken, made from a right one by one change.

import test from 'ava'
import { Judge } from './judge.ts'
import type { ClusterSeen, Ended, Entry } from './trace.ts'

const HISTORY = 'h1'
const MEMBERS = [
  { name: 'a', incarnation: '1a' },
  { name: 'b', incarnation: '2b' },
]
/** Topics took the places before. */
const FIRST = 4

const published = (publisher: string, sequence: number, checksum = sequence): Entry => {
  return { type: 'published', publisher, sequence, topic: 't', checksum }
}

const acknowledged = (publisher: string, sequence: number, seq: number): Entry => {
  return { type: 'acknowledged', publisher, sequence, seq, duplicate: false }
}

const delivered = (subscriber: string, publisher: string, sequence: number, seq: number, offset: number): Entry => {
  const event = { topic: 't', publisher, sequence, checksum: sequence }
  return { type: 'delivered', subscriber, history: HISTORY, seq, offset, ...event }
}

const view = (subscriber: string, number: number, seq: number, members = MEMBERS): Entry => {
  return { type: 'view', subscriber, history: HISTORY, seq, number, members, joined: [], left: [], failed: [] }
}

const cluster = (name: string, seq: number, digest: string, others: Partial<ClusterSeen> = {}): ClusterSeen => {
  const seen = { type: 'cluster', replica: `${name}#1`, name, history: HISTORY, view: 2, members: MEMBERS } as const
  return { ...seen, primary: true, state: 'member', seq, digest, ...others }
}

const ended = (others: Partial<Ended> = {}): Entry => {
  const replicas = [cluster('a', 7, 'd7'), cluster('b', 7, 'd7')]
  const idle = { ms: 1000, sent: { header: 38 } }
  return { type: 'ended', replicas, subscribers: ['s', 't'], complaints: [], idle, ...others }
}

/** p and q publish two and one; s and t read it all, with the change of view between. */
const RIGHT: readonly Entry[] = [
  { type: 'prepared', history: HISTORY, seq: FIRST - 1 },
  published('p', 1),
  delivered('s', 'p', 1, FIRST, 1),
  acknowledged('p', 1, FIRST),
  published('p', 2),
  published('q', 1),
  view('s', 2, FIRST + 1),
  delivered('s', 'q', 1, FIRST + 2, 2),
  delivered('s', 'p', 2, FIRST + 3, 3),
  acknowledged('p', 2, FIRST + 3),
  acknowledged('q', 1, FIRST + 2),
  cluster('a', FIRST + 2, 'd6'),
  cluster('b', FIRST + 2, 'd6'),
  delivered('t', 'p', 1, FIRST, 1),
  view('t', 2, FIRST + 1),
  delivered('t', 'q', 1, FIRST + 2, 2),
  delivered('t', 'p', 2, FIRST + 3, 3),
  cluster('a', FIRST + 3, 'd7'),
  ended(),
]

const judged = (run: readonly Entry[]): string[] => {
  const judge = new Judge()
  return run.flatMap((entry) => judge.see(entry))
}

const same = (one: Entry, other: Entry): boolean => JSON.stringify(one) === JSON.stringify(other)

/** The right run, with one entry in the place of another; or without it. */
function changed(entry: Entry, ...instead: readonly Entry[]): Entry[] {
  const at = RIGHT.findIndex((one) => same(one, entry))
  if (at < 0) throw new Error('the right run has no such entry')
  return RIGHT.toSpliced(at, 1, ...instead)
}

const BROKEN: readonly [string, string, Entry[]][] = [
  [
    'G1',
    'two subscribers are told of different members',
    changed(view('t', 2, FIRST + 1), view('t', 2, FIRST + 1, [])),
  ],
  [
    'G1',
    'a replica says that it is primary in a view that it is not in',
    [...RIGHT.slice(0, -1), cluster('c', 5, 'd5'), ended()],
  ],
  [
    'G3',
    'two subscribers are given two events in different order',
    changed(delivered('t', 'q', 1, FIRST + 2, 2), delivered('t', 'q', 1, FIRST + 3, 3)),
  ],
  ['G3', 'a view is missing, and nobody says so', changed(view('t', 2, FIRST + 1))],
  [
    'G3',
    'a view is at another place for another subscriber',
    changed(view('t', 2, FIRST + 1), view('t', 2, FIRST + 2)),
  ],
  [
    'G3',
    'an event comes before one that its publisher may have known of',
    [
      RIGHT[0]!,
      published('p', 1),
      published('q', 1),
      acknowledged('p', 1, FIRST + 1),
      published('r', 1),
      delivered('s', 'r', 1, FIRST, 1),
    ],
  ],
  ['G3', 'a replica goes back', changed(cluster('a', FIRST + 3, 'd7'), cluster('a', FIRST + 1, 'd5'))],
  ['G5', 'an event that nobody published', changed(published('q', 1))],
  ['G5', 'an event that is not what was published', changed(published('q', 1), published('q', 1, 99))],
  [
    'G5',
    "one publisher's events in another order",
    [
      RIGHT[0]!,
      published('p', 1),
      published('p', 2),
      delivered('s', 'p', 2, FIRST, 1),
      delivered('s', 'p', 1, FIRST + 1, 2),
    ],
  ],
  [
    'G6',
    'acknowledged at a place where another event was delivered before',
    changed(acknowledged('q', 1, FIRST + 2), acknowledged('q', 1, FIRST)),
  ],
  [
    'G6',
    'acknowledged at a place where another event is delivered later',
    changed(acknowledged('p', 1, FIRST), acknowledged('p', 1, FIRST + 2)),
  ],
  [
    'G6',
    'at the end a replica is not as far as an acknowledgement',
    changed(ended(), ended({ replicas: [cluster('a', 7, 'd7'), cluster('b', 6, 'd6')] })),
  ],
  [
    'G7',
    'an event twice',
    changed(
      delivered('t', 'p', 2, FIRST + 3, 3),
      delivered('t', 'p', 2, FIRST + 3, 3),
      delivered('t', 'p', 2, FIRST + 3, 3),
    ),
  ],
  ['G7', 'an event in the middle is missing', changed(delivered('t', 'p', 1, FIRST, 1))],
  ['G7', 'an acknowledged event at the end is missing', changed(delivered('t', 'p', 2, FIRST + 3, 3))],
  ['G7', 'a subscriber is told of a gap', [...RIGHT, { type: 'gap', subscriber: 's', told: '{"from":4}' }]],
  ['G7', 'a hole in the offsets', changed(delivered('t', 'p', 2, FIRST + 3, 3), delivered('t', 'p', 2, FIRST + 3, 4))],
  ['G8', 'two digests at one place', changed(cluster('b', FIRST + 2, 'd6'), cluster('b', FIRST + 2, 'other'))],
  [
    'G9',
    'a second history beside the first',
    changed(cluster('b', FIRST + 2, 'd6'), cluster('b', 1, 'x', { history: 'h2', view: 1 })),
  ],
  [
    'G9',
    'an event of another history',
    changed(delivered('t', 'p', 2, FIRST + 3, 3), {
      ...(delivered('t', 'p', 2, FIRST + 3, 3) as Entry & { type: 'delivered' }),
      history: 'h2',
    }),
  ],
  ['G10', 'an event is never acknowledged', changed(acknowledged('p', 2, FIRST + 3))],
  ['G10', 'a replica is not primary at the end', changed(ended(), withReplica({ primary: false, state: 'observing' }))],
  ['G10', 'a replica is in another view at the end', changed(ended(), withReplica({ view: 3 }))],
  ['G10', 'something did not come about in time', changed(ended(), ended({ complaints: ['b was not ready'] }))],
  ['G10', 'the group does not fall silent', changed(ended(), ended({ idle: { ms: 1000, sent: { header: 500 } } }))],
  [
    'G10',
    'the idle group says more than heartbeats',
    changed(ended(), ended({ idle: { ms: 1000, sent: { want: 1 } } })),
  ],
]

function withReplica(others: Partial<ClusterSeen>): Entry {
  return ended({ replicas: [cluster('a', 7, 'd7'), cluster('b', 7, 'd7', others)] })
}

test('a right run: no judge complains', (t) => {
  t.deepEqual(judged(RIGHT), [])
})

test('a replica that died does not belong to its history any more', (t) => {
  const after: Entry[] = [
    { type: 'died', replica: 'a#1', how: 'asked to' },
    { type: 'died', replica: 'b#1', how: 'asked to' },
    cluster('a', 1, 'x', { replica: 'a#2', history: 'h2', view: 1 }),
  ]
  t.deepEqual(judged([...RIGHT, ...after]), [])
})

for (const [guarantee, what, run] of BROKEN)
  test(`${guarantee}: ${what}: caught`, (t) => {
    const complaints = judged(run)
    t.true(
      complaints.some((text) => text.startsWith(`${guarantee} `)),
      `said: ${complaints.join('; ') || 'nothing'}`,
    )
  })
