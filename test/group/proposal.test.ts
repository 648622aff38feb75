// What the next view shall be: the choice against a dumb twin that tries every set, and the rules that keep a chosen
// proposal the only one.

import test from 'ava'
import fc from 'fast-check'
import type { Proposal, StateMessage } from '../../broker/group/message.ts'
import {
  type Answer,
  joinersThatFit,
  largestConnected,
  membersThatGoOn,
  mustAdopt,
  trimOf,
} from '../../broker/group/proposal.ts'
import { count, has, isQuorum, type MemberId, type Ranks, type View } from '../../broker/group/view.ts'

function id(rank: number): MemberId {
  return { name: 'abcdefg'[rank]!, incarnation: 100 + rank, url: '' }
}

function viewOf(size: number, number = 3): View {
  return { history: number === 0 ? 0 : 9, number, members: Array.from({ length: size }, (_, rank) => id(rank)) }
}

function answer(rank: number, state: Partial<StateMessage> = {}): Answer {
  return {
    rank,
    member: id(rank),
    state: {
      kind: 'state',
      ballot: 33,
      url: '',
      held: [],
      hears: 127,
      observersHeard: [],
      leaving: false,
      accepted: undefined,
      position: 0,
      settings: '',
      ...state,
    },
  }
}

function proposalOf(birth: number, members: readonly number[], size = 5, view = 3): Proposal {
  const oldMembers = viewOf(size).members
  return { birth, history: 9, view, oldMembers, members: members.map(id), leaving: [], trim: [] }
}

test('the largest connected set: as found by trying every set, the lowest ranks of equal ones', (t) => {
  const matrix = fc.array(fc.nat({ max: 127 }), { minLength: 7, maxLength: 7 })
  fc.assert(
    fc.property(matrix, fc.nat({ max: 127 }), (reports, candidates) => {
      const hears = reports.map((ranks, self) => ranks | (1 << self))
      let best = 0
      for (let set = 0; set < 128; set++) {
        if ((set & candidates) !== set) continue
        const connected = [...Array(7).keys()].every(
          (a) =>
            !has(set, a) || [...Array(7).keys()].every((b) => !has(set, b) || (has(hears[a]!, b) && has(hears[b]!, a))),
        )
        if (connected && (count(set) > count(best) || (count(set) === count(best) && lower(set, best)))) best = set
      }
      t.is(largestConnected(candidates, hears, 7), best)
    }),
  )
})

/** Whether a set comes before another of its size: at the first rank in which they differ, it has it. */
function lower(a: Ranks, b: Ranks): boolean {
  const differ = a ^ b
  return has(a, Math.log2(differ & -differ))
}

test('two quorums of a view always meet', (t) => {
  for (let size = 1; size <= 7; size++) {
    for (let a = 0; a < 2 ** size; a++) {
      for (let b = 0; b < 2 ** size; b++) {
        if (isQuorum(a, size) && isQuorum(b, size)) t.not(a & b, 0, `${a} and ${b} of ${size}`)
      }
    }
  }
})

test('a stalled member that answers: left out, unless no quorum is left without it', (t) => {
  const view = viewOf(3)
  t.is(
    membersThatGoOn(
      view,
      [0, 1, 2].map((rank) => answer(rank)),
      0b100,
    ),
    0b011,
  )
  t.is(
    membersThatGoOn(
      view,
      [1, 2].map((rank) => answer(rank)),
      0b100,
    ),
    0b110,
  )
})

test('leavers that answered count for the quorum and do not go on; when all leave, nothing is proposed', (t) => {
  const view = viewOf(3)
  t.is(membersThatGoOn(view, [answer(0, { leaving: true }), answer(2)], 0), 0b100)
  t.is(
    membersThatGoOn(
      view,
      [0, 1, 2].map((rank) => answer(rank, { leaving: true })),
      0,
    ),
    0,
  )
})

test('G9, an accepted proposal that may have been chosen: adopted, the one of the highest ballot', (t) => {
  const view = viewOf(5)
  const older = { ballot: 33, proposal: proposalOf(33, [0, 1, 2]) }
  const newer = { ballot: 65, proposal: proposalOf(65, [1, 2, 3]) }
  const answers = [answer(1, { accepted: older }), answer(2, { accepted: newer }), answer(3, { accepted: newer })]
  t.is(mustAdopt(view, answers), newer.proposal)
})

test('an accepted proposal that cannot have been chosen: not adopted [c15]', (t) => {
  const view = viewOf(5)
  const accepted = { ballot: 33, proposal: proposalOf(33, [0, 1, 2]) }
  t.is(
    mustAdopt(view, [answer(1, { accepted }), answer(3), answer(4)]),
    accepted.proposal,
    'a, c did not answer: 3 of 5',
  )
  t.is(mustAdopt(view, [answer(1, { accepted }), answer(2), answer(3), answer(4)]), undefined)
})

test('G9, view 0: an acceptor that forgot counts as one that accepted, as long as its view could live', (t) => {
  const view = viewOf(3, 0)
  const accepted = { ballot: 33, proposal: proposalOf(33, [0, 1, 2], 3, 0) }
  const again = (rank: number): Answer => ({ ...answer(rank), member: { ...id(rank), incarnation: 900 + rank } })
  t.is(mustAdopt(view, [again(0), answer(1, { accepted }), answer(2)]), accepted.proposal)
  t.is(mustAdopt(view, [again(0), answer(1, { accepted }), again(2)]), undefined)
})

test('joiners: only those that hear all, are heard by all and by each other, and have no namesake', (t) => {
  const answers = [answer(0, { observersHeard: [200, 201, 202] }), answer(1, { observersHeard: [200, 201, 202] })]
  const joiner = (incarnation: number, heard: number[], name = `j${incarnation}`) => ({
    member: { name, incarnation, url: '' },
    heard,
  })
  const fit = (room: number, candidates: ReturnType<typeof joiner>[]): number[] =>
    joinersThatFit(answers, 0b11, candidates, room).map(({ member }) => member.incarnation)
  const names = (...candidates: ReturnType<typeof joiner>[]): number[] => fit(9, candidates)
  t.deepEqual(names(joiner(200, [100, 101])), [200])
  t.deepEqual(names(joiner(200, [100])), [], 'does not hear b')
  t.deepEqual(names(joiner(203, [100, 101])), [], 'is not heard')
  t.deepEqual(names(joiner(200, [100, 101], 'a')), [], 'a is a member')
  t.deepEqual(names(joiner(200, [100, 101]), joiner(201, [100, 101])), [200], 'do not hear each other')
  t.deepEqual(names(joiner(200, [100, 101, 201]), joiner(201, [100, 101, 200])), [200, 201])
  t.deepEqual(names(joiner(200, [100, 101, 201], 'j'), joiner(201, [100, 101, 200], 'j')), [200], 'namesakes')
  t.deepEqual(fit(1, [joiner(200, [100, 101, 201]), joiner(201, [100, 101, 200])]), [200], 'no more room')
  t.deepEqual(fit(0, [joiner(200, [100, 101])]), [])
})

test('G4, the trim: by rank the most that any answer holds', (t) => {
  t.deepEqual(trimOf([answer(0, { held: [5, 0, 2] }), answer(2, { held: [3, 4, 2] })], 3), [5, 4, 2])
})
