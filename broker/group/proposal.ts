// What the next view shall be, given the answers to a Collect: a pure function, so that every coordinator with the same
// answers proposes the same. This is where a view's only successor is kept the only one (G9) and where nothing that was
// safe is left behind (G4, G6).

import type { Ballot, Proposal, StateMessage } from './message.ts'
import { count, has, type Incarnation, isQuorum, type MemberId, type Ranks, type View } from './view.ts'

export interface Answer {
  readonly rank: number
  /** Who answered. In view 0 a seat is only a name, and this tells which process sits there. */
  readonly member: MemberId
  readonly state: StateMessage
}

export interface Candidate {
  readonly member: MemberId
  /** Whom this observer says it hears. */
  readonly heard: readonly Incarnation[]
}

/**
 * An accepted proposal that may have been chosen must be taken over. One that cannot have been, because those that
 * report it together with those that did not answer are no quorum, is dropped: it might name too few that still live.
 *
 * In view 0 of a group without disks a process that accepted and then lost its memory answers as if it never had. So
 * there a proposal is dropped only when those of its members that still sit in their seats are no quorum of it: then no
 * view made of it can ever go on.
 */
export function mustAdopt(view: View, answers: readonly Answer[]): Proposal | undefined {
  let highest: { ballot: Ballot; proposal: Proposal } | undefined
  for (const { state } of answers) {
    if (state.accepted && (!highest || state.accepted.ballot > highest.ballot)) highest = state.accepted
  }
  if (!highest) return undefined
  const { proposal } = highest
  if (view.number === 0) {
    const alive = ranksWhere(proposal.members, (member) =>
      answers.some((answer) => answer.member.incarnation === member.incarnation),
    )
    return isQuorum(alive, proposal.members.length) ? proposal : undefined
  }
  let mayHaveAccepted = 2 ** view.members.length - 1
  for (const { rank, state } of answers) {
    if (state.accepted?.proposal.birth !== proposal.birth) mayHaveAccepted -= 2 ** rank
  }
  return isQuorum(mayHaveAccepted, view.members.length) ? proposal : undefined
}

/**
 * The members that go on: the largest set of those that answered, want to stay and are all connected with each other,
 * which with the leavers that answered is a quorum of the view. Ties go to the lowest ranks. Those in `stalled` are left
 * out although they answered, unless no quorum is left without them. 0: nothing can be proposed.
 */
export function membersThatGoOn(view: View, answers: readonly Answer[], stalled: Ranks): Ranks {
  const size = view.members.length
  const hears: Ranks[] = new Array(size).fill(0)
  let staying = 0
  let leaving = 0
  for (const { rank, state } of answers) {
    hears[rank] = state.hears
    if (state.leaving) leaving |= 1 << rank
    else staying |= 1 << rank
  }
  for (const candidates of [staying & ~stalled, staying]) {
    const chosen = largestConnected(candidates, hears, size)
    if (chosen !== 0 && isQuorum(chosen | leaving, size)) return chosen
  }
  return 0
}

/** The largest set of members that are all connected with each other; of several, the one with the lowest ranks. */
export function largestConnected(candidates: Ranks, hears: readonly Ranks[], size: number): Ranks {
  const connected = hears.map((mine, a) => {
    let ranks = 0
    for (let b = 0; b < size; b++) if (has(mine, b) && has(hears[b]!, a)) ranks |= 1 << b
    return ranks
  })
  let best = 0
  // Depth first in rank order with the lower rank taken before it is left, so of equal sizes the lowest ranks come first.
  const grow = (chosen: Ranks, rest: Ranks): void => {
    if (count(chosen) > count(best)) best = chosen
    for (let open = rest, rank = 0; open !== 0 && count(chosen) + count(open) > count(best); rank++) {
      if (!has(open, rank)) continue
      open &= ~(1 << rank)
      grow(chosen | (1 << rank), open & connected[rank]!)
    }
  }
  grow(0, candidates)
  return best
}

/** The joiners that hear all who go on, are heard by all of them and by each other, and have no namesake among them. */
export function joinersThatFit(
  answers: readonly Answer[],
  goingOn: Ranks,
  candidates: readonly Candidate[],
  room: number,
): Candidate[] {
  const stay = answers.filter((answer) => has(goingOn, answer.rank))
  const chosen: Candidate[] = []
  for (const candidate of candidates) {
    const { name, incarnation } = candidate.member
    const fits =
      chosen.length < room &&
      stay.every(
        ({ member, state }) =>
          member.name !== name &&
          candidate.heard.includes(member.incarnation) &&
          state.observersHeard.includes(incarnation),
      ) &&
      chosen.every(
        (other) =>
          other.member.name !== name &&
          other.heard.includes(incarnation) &&
          candidate.heard.includes(other.member.incarnation),
      )
    if (fits) chosen.push(candidate)
  }
  return chosen
}

/** By rank, the most that any answer holds. Everything safe anywhere is at or below it, since all held it. */
export function trimOf(answers: readonly Answer[], size: number): number[] {
  return Array.from({ length: size }, (_, rank) => Math.max(...answers.map(({ state }) => state.held[rank] ?? 0)))
}

/** By rank, a member whose answer shows that it holds the trim: `preferred` where it does. */
export function holdersOf(trim: readonly number[], answers: readonly Answer[], preferred: number): number[] {
  return trim.map((slot, rank) => {
    const holders = answers.filter(({ state }) => (state.held[rank] ?? 0) >= slot).map((answer) => answer.rank)
    return holders.includes(preferred) ? preferred : (holders[0] ?? preferred)
  })
}

export function ranksWhere(members: readonly MemberId[], test: (member: MemberId) => boolean): Ranks {
  let ranks = 0
  for (const [rank, member] of members.entries()) if (test(member)) ranks |= 1 << rank
  return ranks
}
