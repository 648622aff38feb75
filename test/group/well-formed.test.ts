import test from 'ava'
import type { HeaderFields, Message, Proposal, Slot } from '../../broker/group/message.ts'
import { ballotOf } from '../../broker/group/message.ts'
import { MEMBERS_MAX } from '../../broker/group/view.ts'
import { fitsView, wellFormed } from '../../broker/group/well-formed.ts'

const FAR = 2 ** 51
const NONE = { position: 0, digest: 0 }
const member = { name: 'a', incarnation: 1, url: '' }
const BALLOT = ballotOf(1, 0)

const header = (more: Partial<HeaderFields> = {}): HeaderFields => ({
  rank: 1,
  watermark: 5,
  lastPayload: 4,
  held: [5, 5],
  hears: 3,
  ask: false,
  leaving: false,
  digest: NONE,
  ...more,
})

const slot = (more: Partial<Slot> = {}): Slot => ({
  sender: 1,
  slot: 4,
  previousPayload: 2,
  causes: [1, 2],
  batch: new Uint8Array(3),
  ...more,
})

const repair = (from: number, to: number, records: Slot[]): Message => ({
  kind: 'repair',
  slotsView: 1,
  rank: 1,
  from,
  to,
  records,
})

const proposal = (more: Partial<Proposal> = {}): Proposal => ({
  birth: BALLOT,
  history: 7,
  view: 1,
  oldMembers: [member, { ...member, incarnation: 2 }],
  members: [member],
  leaving: [],
  trim: [4, 4],
  ...more,
})

const cut = {
  kind: 'cut',
  ballot: BALLOT,
  members: [member, member],
  trim: [4, 4],
  position: 9,
  floor: [1, 1],
} as const

const chunk = (total: number): Message => ({
  kind: 'chunk',
  position: 7,
  head: 9,
  key: { slot: 4, rank: 1 },
  number: 1,
  members: [member],
  total,
  offset: 5e9,
  bytes: new Uint8Array(3),
})

const RIGHT: Message[] = [
  { kind: 'header', ...header() },
  { kind: 'slot', ...header(), record: slot() },
  { kind: 'want', rank: 1, from: 3, to: 3 },
  repair(3, 5, [slot({ slot: 4 }), slot({ slot: 5, previousPayload: 4 })]),
  cut,
  { kind: 'propose', ballot: BALLOT, proposal: proposal(), holders: [0, 1] },
  { kind: 'install', proposal: proposal() },
  { kind: 'collect', ballot: BALLOT, hears: 3 },
  { kind: 'out', members: [member] },
  chunk(9e9),
]

const WRONG: [string, Message][] = [
  ['a last payload slot above the watermark', { kind: 'header', ...header({ lastPayload: 6 }) }],
  ['a watermark beyond what is ever reached', { kind: 'header', ...header({ watermark: FAR }) }],
  ['a held slot beyond what is ever reached', { kind: 'header', ...header({ held: [5, FAR] }) }],
  ['a slot of another sender', { kind: 'slot', ...header(), record: slot({ sender: 0 }) }],
  ['a slot that precedes itself', { kind: 'slot', ...header(), record: slot({ previousPayload: 4 }) }],
  ['a cause beyond what is ever reached', { kind: 'slot', ...header(), record: slot({ causes: [1, FAR] }) }],
  ['a want of slot 0', { kind: 'want', rank: 1, from: 0, to: 3 }],
  ['a want that ends before it begins', { kind: 'want', rank: 1, from: 4, to: 3 }],
  ['a repair out of order', repair(3, 5, [slot({ slot: 5 }), slot({ slot: 4 })])],
  ['a repair with a slot before it', repair(5, 6, [slot({ slot: 4 })])],
  ['a repair with a slot beyond it', repair(3, 3, [slot({ slot: 4 })])],
  ['a ballot beyond what is ever reached', { kind: 'accept', ballot: 2 ** 46 }],
  ['a ballot of a rank that no view has', { kind: 'refuse', ballot: ballotOf(1, MEMBERS_MAX) }],
  ['a cut with a trim of another view', { ...cut, trim: [4] }],
  ['a cut with a floor of another view', { ...cut, floor: [1, 1, 1] }],
  ['a cut of a view of nobody', { ...cut, members: [], trim: [], floor: [] }],
  ['a proposal with a trim of another view', { kind: 'install', proposal: proposal({ trim: [4] }) }],
  ['a proposal of a view of nobody', { kind: 'install', proposal: proposal({ members: [] }) }],
  ['more leavers than members', { kind: 'install', proposal: proposal({ leaving: [1, 2, 3] }) }],
  ['too few holders', { kind: 'propose', ballot: BALLOT, proposal: proposal(), holders: [0] }],
  ['a holder that is in no view', { kind: 'propose', ballot: BALLOT, proposal: proposal(), holders: [0, 2] }],
  ['a chunk beyond the end of its snapshot', chunk(5e9 + 2)],
  ['a chunk of a snapshot beyond all that is retained', chunk(2 ** 36)],
  ['a view of nobody', { kind: 'out', members: [] }],
  ['a view of too many', { kind: 'out', members: new Array(MEMBERS_MAX + 1).fill(member) }],
]

for (const message of RIGHT)
  test(`${message.kind}: what a right member says is well formed`, (t) => {
    t.true(wellFormed(message))
    t.true(fitsView(message, 'rank' in message ? 1 : 0, 2))
  })

for (const [what, message] of WRONG) test(`${what}: malformed`, (t) => t.false(wellFormed(message)))

const MISFITS: [string, Message, number][] = [
  ['a header in the name of another', { kind: 'header', ...header() }, 0],
  ['a header of a view of another size', { kind: 'header', ...header({ held: [5] }) }, 1],
  ['a slot with causes of a view of another size', { kind: 'slot', ...header(), record: slot({ causes: [1] }) }, 1],
  ['a collect under the ballot of another', { kind: 'collect', ballot: BALLOT, hears: 3 }, 1],
  [
    'a proposal under the ballot of another',
    { kind: 'propose', ballot: BALLOT, proposal: proposal(), holders: [0, 1] },
    1,
  ],
]

for (const [what, message, rank] of MISFITS)
  test(`${what}: fits the view not`, (t) => {
    t.true(wellFormed(message))
    t.false(fitsView(message, rank, 2))
  })
