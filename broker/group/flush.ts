// The change from one view to the next, as one member lives through it: promise, wedge, say what is held; and, for the
// member that leads, collect, choose, cut, propose, install. Votes are those of Paxos, one ballot an attempt, with a
// quorum of the old view *and* of the new one, so that every quorum of the new view contains one that holds the trim.
// Every step can be repeated, lost or taken over by another coordinator; what was chosen is chosen once (G9).
//
// It knows nothing of time-outs of silence or of joiners' logs: those are its host's.

import assert from 'node:assert'
import type { Connectivity } from './connectivity.ts'
import { attemptOf, type Ballot, ballotOf, type Message, ownerOf, type Proposal, type StateMessage } from './message.ts'
import type { Instant, Note } from './port.ts'
import {
  type Answer,
  type Candidate,
  holdersOf,
  joinersThatFit,
  membersThatGoOn,
  mustAdopt,
  ranksWhere,
  trimOf,
} from './proposal.ts'
import type { Random } from './random.ts'
import type { GroupSettings } from './settings.ts'
import type { TotalOrder } from './total-order.ts'
import {
  count,
  everyRank,
  has,
  type Incarnation,
  isQuorum,
  MEMBERS_MAX,
  type MemberId,
  type Ranks,
  type View,
} from './view.ts'

export interface FlushHost {
  readonly settings: GroupSettings
  readonly random: Random
  send(to: Incarnation | 'everyone', message: Message): void
  note(note: Note): void
  hears(): Ranks
  /** Observers that ask to be let in and may be, in a fixed order. */
  candidates(): Candidate[]
  ban(joiner: MemberId): void
  /** All of a State but the votes. */
  describeSelf(): Omit<StateMessage, 'kind' | 'ballot' | 'accepted'>
  readonly self: MemberId
  /** Who is heard in this seat of the view. */
  readonly incarnationAt: SeatedAt
  /** How many bytes of slots an answer to a Want may carry. */
  repairBytesMax(): number
  /** Own position in the order, and by rank the last payload slots within it: where a joiner's slots begin. */
  cutFloor(): { position: number; floor: number[] }
  /** The first promise: from now on no slots, nulls, headers or deliveries in this view. */
  wedged(coordinator: number): void
  /** May a change be started from here now? */
  mayLead(): boolean
  install(proposal: Proposal): void
}

type SeatedAt = (rank: number) => Incarnation | undefined

interface Leading {
  readonly ballot: Ballot
  phase: 'collecting' | 'fetching' | 'cutting' | 'proposing'
  readonly startedAt: Instant
  phaseAt: Instant
  repeatAt: Instant
  readonly answers: Map<number, Answer>
  goingOn: Ranks
  adopted: Proposal | undefined
  trim: readonly number[]
  joiners: { readonly candidate: Candidate; ready: boolean; cut: boolean }[]
  proposal: Proposal | undefined
  holders: readonly number[]
  readonly accepts: Set<Incarnation>
}

/** A proposal that was received and is accepted as soon as its trim is held. */
interface Proposed {
  readonly ballot: Ballot
  readonly proposal: Proposal
  readonly holders: readonly number[]
  readonly coordinator: Incarnation
}

/** Waits grow by a random part with each try of one's own, up to so many times. */
const PATIENCE_MAX = 4

export class Flush {
  private readonly host: FlushHost
  private readonly view: View
  private readonly rank: number
  private readonly order: TotalOrder
  private readonly connectivity: Connectivity
  promised: Ballot = 0
  private accepted: { ballot: Ballot; proposal: Proposal } | undefined
  private proposed: Proposed | undefined
  private leading: Leading | undefined
  private attemptSeen = 0
  private lastStepAt: Instant
  private needSince: Instant | undefined
  private patience = 1
  /** Whom this member found stalled when it wedged: as coordinator it leaves them out. */
  stalledAtWedge: Ranks = 0

  constructor(host: FlushHost, view: View, rank: number, order: TotalOrder, connectivity: Connectivity, time: Instant) {
    this.host = host
    this.view = view
    this.rank = rank
    this.order = order
    this.connectivity = connectivity
    this.lastStepAt = time
  }

  /** At this change, that were heard of. */
  get attempts(): number {
    return this.attemptSeen
  }

  get leads(): boolean {
    return this.leading !== undefined
  }

  /** What must be fetched now, and from whom at first. */
  get goal(): { trim: readonly number[]; holders: readonly number[] } | undefined {
    if (this.leading && this.leading.phase !== 'collecting') return this.leading
    if (this.proposed) return { trim: this.proposed.proposal.trim, holders: this.proposed.holders }
    return undefined
  }

  // ---- time

  /** `why`: what calls for a change, if something does. */
  tick(time: Instant, why: string | undefined): void {
    if (why === undefined) this.needSince = undefined
    else this.needSince ??= time
    if (this.leading) this.drive(time)
    else if (why !== undefined && this.mayLeadNow(time)) this.lead(time, why)
  }

  /** To be called when something was fetched. */
  progress(time: Instant): void {
    this.maybeAccept(time)
    if (this.leading) this.drive(time)
  }

  private mayLeadNow(time: Instant): boolean {
    if (!this.host.mayLead()) return false
    const mine = this.host.hears()
    const leads = this.connectivity.leader(mine) === this.rank
    if (leads && this.promised === 0) return true
    if (leads && ownerOf(this.promised) !== this.rank && !has(mine, ownerOf(this.promised))) return true
    const lower = everyRank(this.rank)
    const place = leads ? 0 : 1 + count(this.connectivity.connectedTo(mine) & lower)
    const since = Math.max(this.needSince!, this.lastStepAt)
    return time - since >= this.host.settings.changeRetryMs * (1 + place) * this.patience
  }

  // ---- every member

  /** Notes a ballot seen anywhere, so that one's own next is higher. */
  seen(ballot: Ballot): void {
    this.attemptSeen = Math.max(this.attemptSeen, attemptOf(ballot))
  }

  private promise(ballot: Ballot, time: Instant): void {
    assert(ballot > this.promised, 'promises only grow')
    const first = this.promised === 0
    this.promised = ballot
    this.lastStepAt = time
    this.seen(ballot)
    // Stop first, then report: a member that reported and then took one more slot would show as held what no trim has.
    if (first) this.host.wedged(ownerOf(ballot))
  }

  onCollect(from: Incarnation, ballot: Ballot, hears: Ranks, time: Instant): void {
    if (!has(hears, this.rank)) return // Its sender is deaf to us: no answer of ours could reach it.
    this.seen(ballot)
    if (ballot < this.promised) return this.refuse(from)
    if (ballot > this.promised) {
      this.giveUp(time, 'a higher ballot was collected')
      this.promise(ballot, time)
    }
    this.host.send(from, this.state(ballot))
  }

  private state(ballot: Ballot): StateMessage {
    return { kind: 'state', ballot, accepted: this.accepted, ...this.host.describeSelf() }
  }

  private refuse(to: Incarnation): void {
    this.host.send(to, { kind: 'refuse', ballot: this.promised })
  }

  onPropose(from: Incarnation, ballot: Ballot, proposal: Proposal, holders: readonly number[], time: Instant): void {
    this.seen(ballot)
    if (ballot < this.promised) return this.refuse(from)
    // A process that lost its memory sits in a seat of view 0 whose former owner voted: it cannot speak for that one.
    if (proposal.oldMembers[this.rank]?.incarnation !== this.host.self.incarnation) return
    if (ballot > this.promised) {
      this.giveUp(time, 'a higher ballot was proposed')
      this.promise(ballot, time)
    }
    if (this.accepted?.ballot === ballot) this.host.send(from, { kind: 'accept', ballot })
    else this.proposed = { ballot, proposal, holders, coordinator: from }
    this.maybeAccept(time)
  }

  /** A member accepts only what it fully holds. */
  private maybeAccept(time: Instant): void {
    const proposed = this.proposed
    if (!proposed) return
    if (proposed.ballot < this.promised) this.proposed = undefined
    else if (this.order.holds(proposed.proposal.trim)) {
      this.proposed = undefined
      this.accepted = { ballot: proposed.ballot, proposal: proposed.proposal }
      this.lastStepAt = time
      this.host.send(proposed.coordinator, { kind: 'accept', ballot: proposed.ballot })
    }
  }

  // ---- the coordinator

  private lead(time: Instant, why: string): void {
    const ballot = ballotOf(this.attemptSeen + 1, this.rank)
    this.patience = Math.min(PATIENCE_MAX, this.patience + this.host.random())
    this.promise(ballot, time)
    this.host.note({ type: 'changeStarted', view: this.view.number, attempt: attemptOf(ballot), why })
    this.leading = {
      ballot,
      phase: 'collecting',
      startedAt: time,
      phaseAt: time,
      repeatAt: time,
      answers: new Map(),
      goingOn: 0,
      adopted: undefined,
      trim: [],
      joiners: [],
      proposal: undefined,
      holders: [],
      accepts: new Set(),
    }
    this.leading.answers.set(this.rank, {
      rank: this.rank,
      member: this.host.self,
      state: this.state(ballot),
    })
    this.drive(time)
  }

  private giveUp(time: Instant, why: string): void {
    if (!this.leading) return
    const attempt = attemptOf(this.leading.ballot)
    this.leading = undefined
    this.lastStepAt = time
    this.host.note({ type: 'changeGivenUp', view: this.view.number, attempt, why })
  }

  onRefuse(ballot: Ballot, time: Instant): void {
    this.seen(ballot)
    if (this.leading?.phase === 'collecting' && ballot > this.leading.ballot)
      this.giveUp(time, 'a higher ballot exists')
  }

  onState(rank: number, member: MemberId, state: StateMessage, time: Instant): void {
    const leading = this.leading
    if (leading?.phase !== 'collecting' || state.ballot !== leading.ballot) return
    if (leading.answers.has(rank)) return // Only the first answer counts: a later one may hold more than was promised.
    leading.answers.set(rank, { rank, member, state })
    this.drive(time)
  }

  onReady(from: Incarnation, ballot: Ballot, time: Instant): void {
    const leading = this.leading
    if (leading?.phase !== 'cutting' || ballot !== leading.ballot) return
    for (const joiner of leading.joiners) if (joiner.candidate.member.incarnation === from) joiner.ready = true
    this.drive(time)
  }

  onAccept(from: Incarnation, ballot: Ballot, time: Instant): void {
    const leading = this.leading
    if (leading?.phase !== 'proposing' || ballot !== leading.ballot) return
    leading.accepts.add(from)
    this.drive(time)
  }

  private drive(time: Instant): void {
    const leading = this.leading!
    const { changeRetryMs, changeRepeatMs } = this.host.settings
    if (leading.phase !== 'proposing' && time - leading.startedAt >= 2 * changeRetryMs) {
      this.banUnready(leading)
      return this.giveUp(time, `no proposal: still ${leading.phase}`)
    }
    if (leading.phase === 'collecting' && this.enoughAnswers(leading, time) && !this.choose(leading, time)) return
    if (leading.phase === 'fetching' && this.order.holds(leading.trim)) this.enter(leading, 'cutting', time)
    if (leading.phase === 'cutting' && this.cutsDone(leading, time)) this.propose(leading, time)
    if (leading.phase === 'proposing') {
      if (this.chosen(leading)) {
        this.leading = undefined
        this.host.install(leading.proposal!)
        return
      }
      const mine = this.host.hears()
      const holderLost = leading.holders.some((holder) => !has(mine, holder))
      if (holderLost || time - leading.phaseAt >= 3 * changeRetryMs) {
        this.giveUp(time, holderLost ? 'a holder of the trim is suspected' : 'too few accepted')
        if (this.host.mayLead()) this.lead(time, 'again')
        return
      }
    }
    if (time < leading.repeatAt) return
    leading.repeatAt = time + changeRepeatMs
    this.repeat(leading)
  }

  private enter(leading: Leading, phase: Leading['phase'], time: Instant): void {
    leading.phase = phase
    leading.phaseAt = time
    leading.repeatAt = time
  }

  /** Says again what is not yet answered. */
  private repeat(leading: Leading): void {
    const { ballot } = leading
    if (leading.phase === 'collecting') {
      if (leading.answers.size < this.view.members.length) {
        this.host.send('everyone', { kind: 'collect', ballot, hears: this.host.hears() })
      }
    } else if (leading.phase === 'cutting') {
      const { position, floor } = this.host.cutFloor()
      for (const joiner of leading.joiners) {
        if (joiner.ready) continue
        const to = joiner.candidate.member.incarnation
        const members = this.membersOfView(leading)
        this.host.send(to, { kind: 'cut', ballot, members, trim: leading.trim, position, floor })
        if (!joiner.cut) this.sendSlots(to, floor, leading.trim)
        joiner.cut = true
      }
    } else if (leading.phase === 'proposing') {
      this.host.send('everyone', {
        kind: 'propose',
        ballot,
        proposal: leading.proposal!,
        holders: leading.holders,
      })
    }
  }

  private sendSlots(to: Incarnation, floor: readonly number[], trim: readonly number[]): void {
    for (let rank = 0; rank < this.view.members.length; rank++) {
      if (floor[rank]! >= trim[rank]!) continue
      const want = { rank, from: floor[rank]! + 1, to: trim[rank]! }
      const answer = this.order.answer(want, this.host.repairBytesMax())
      if (answer) this.host.send(to, { kind: 'repair', slotsView: this.view.number, rank, ...answer })
    }
  }

  /**
   * May these of the view decide how it goes on? A quorum may; of view 0 only all. There a process that lost its memory
   * looks like a new one, so that less than the whole roster might found a second group beside a living one. But what one
   * has accepted there a quorum may finish, of those that have been there since it was proposed and forgot nothing: one
   * that started anew may have heard the new view from a member that died, and wait for it outside.
   */
  enough(ranks: Ranks, incarnationAt: SeatedAt = this.host.incarnationAt): boolean {
    const size = this.view.members.length
    if (this.view.number > 0) return isQuorum(ranks, size)
    return ranks === everyRank(size) || isQuorum(ranks & this.unchanged(incarnationAt), size)
  }

  /** Those of view 0 that sit where they sat when what was accepted here was proposed. */
  private unchanged(incarnationAt: SeatedAt): Ranks {
    let ranks = 0
    for (const [rank, { incarnation }] of this.accepted?.proposal.oldMembers.entries() ?? []) {
      if (incarnationAt(rank) === incarnation) ranks |= 1 << rank
    }
    return ranks
  }

  private enoughAnswers(leading: Leading, time: Instant): boolean {
    let answered = 0
    for (const rank of leading.answers.keys()) answered |= 1 << rank
    if (!this.enough(answered, (rank) => leading.answers.get(rank)?.member.incarnation)) return false
    const waitedFor = this.connectivity.connectedTo(this.host.hears()) & ~answered
    return waitedFor === 0 || time - leading.startedAt >= this.host.settings.collectWaitMs
  }

  /** Answers whether there is something to propose; gives up otherwise. */
  private choose(leading: Leading, time: Instant): boolean {
    const answers = [...leading.answers.values()].sort((a, b) => a.rank - b.rank)
    const size = this.view.members.length
    leading.adopted = mustAdopt(this.view, answers)
    if (leading.adopted) {
      leading.trim = leading.adopted.trim
    } else {
      leading.goingOn = membersThatGoOn(this.view, answers, this.stalledAtWedge)
      if (leading.goingOn === 0 || (this.view.number === 0 && leading.goingOn !== everyRank(size))) {
        this.giveUp(time, 'those that answered are no quorum, or are not connected with each other')
        return false
      }
      leading.trim = trimOf(answers, size)
      const candidates = this.host.candidates()
      const room = MEMBERS_MAX - count(leading.goingOn)
      const fitting = joinersThatFit(answers, leading.goingOn, candidates, room)
      // A try for one that some member does not hear costs a view as well: without a ban it would cost one a tick.
      for (const candidate of candidates) if (!fitting.includes(candidate)) this.host.ban(candidate.member)
      leading.joiners = fitting.map((candidate) => ({ candidate, ready: false, cut: false }))
    }
    leading.holders = holdersOf(leading.trim, answers, this.rank)
    this.enter(leading, 'fetching', time)
    return true
  }

  private cutsDone(leading: Leading, time: Instant): boolean {
    if (leading.joiners.every((joiner) => joiner.ready)) return true
    if (time - leading.phaseAt < this.host.settings.cutWaitMs) return false
    this.banUnready(leading)
    return true
  }

  private banUnready({ joiners }: Leading): void {
    for (const { ready, candidate } of joiners) if (!ready) this.host.ban(candidate.member)
  }

  private membersOfView(leading: Leading): MemberId[] {
    if (this.view.number > 0) return [...this.view.members]
    return this.view.members.map((seat, rank) => leading.answers.get(rank)?.member ?? seat)
  }

  private propose(leading: Leading, time: Instant): void {
    const oldMembers = this.membersOfView(leading)
    const answers = [...leading.answers.values()]
    leading.proposal = leading.adopted ?? {
      birth: leading.ballot,
      history: this.view.number === 0 ? mintHistory(this.host.random) : this.view.history,
      view: this.view.number,
      oldMembers,
      members: [
        ...oldMembers.filter((_, rank) => has(leading.goingOn, rank)),
        ...leading.joiners.filter(({ ready }) => ready).map(({ candidate }) => candidate.member),
      ],
      leaving: answers.filter(({ state }) => state.leaving).map(({ member }) => member.incarnation),
      trim: leading.trim,
    }
    this.enter(leading, 'proposing', time)
    this.proposed = undefined
    const self = this.host.self.incarnation
    if (leading.proposal.oldMembers[this.rank]!.incarnation !== self) return
    this.accepted = { ballot: leading.ballot, proposal: leading.proposal }
    leading.accepts.add(self)
  }

  private chosen(leading: Leading): boolean {
    const { oldMembers, members } = leading.proposal!
    const accepted = (member: MemberId): boolean => leading.accepts.has(member.incarnation)
    return (
      isQuorum(ranksWhere(oldMembers, accepted), oldMembers.length) &&
      isQuorum(ranksWhere(members, accepted), members.length)
    )
  }
}

/** 52 bits, never 0: two groups do not get the same by accident. */
function mintHistory(random: Random): number {
  return 1 + Math.floor(random() * 2 ** 26) * 2 ** 26 + Math.floor(random() * 2 ** 26)
}
