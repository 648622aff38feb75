// One member of a virtually synchronous process group: one input at a time, and a list of what is to be done. It joins
// the parts: the order of the view, who is connected, the change of view, the log for those who catch up. It decides
// nothing of theirs; here is what a process is at the moment (founding, observer, member), what it says at the end of a
// turn, and to which part a datagram goes. `README.md` beside this has the whole protocol.

import assert from 'node:assert'
import { Agreement } from './agreement.ts'
import { BatchMemory } from './batch-memory.ts'
import { decode, encode, encodeSlot, OVERHEAD_BYTES } from './codec.ts'
import { Connectivity } from './connectivity.ts'
import { FailureDetector } from './failure-detector.ts'
import { Flush, type FlushHost } from './flush.ts'
import { Joining } from './joining.ts'
import { Laggards } from './laggards.ts'
import { OrderLog } from './log.ts'
import type {
  ChunkMessage,
  CutMessage,
  Envelope,
  HeaderFields,
  JoinMessage,
  LogEntry,
  LogMessage,
  Message,
  OrderKey,
  Proposal,
  Slot,
  StateMessage,
} from './message.ts'
import { Observers } from './observers.ts'
import { PatientClock } from './patient-clock.ts'
import type {
  Counters,
  EarlySlot,
  Input,
  Instant,
  MemberLag,
  MemberStatus,
  Note,
  Output,
  RepairCause,
  Role,
  SubmitRefusal,
} from './port.ts'
import type { Candidate } from './proposal.ts'
import type { Random } from './random.ts'
import { Retransmission } from './retransmission.ts'
import { Seldom } from './seldom.ts'
import { type GroupSettings, settingsDifference, settingsText } from './settings.ts'
import { CatchUp, Donor } from './state-transfer.ts'
import { SubmissionQueue } from './submission-queue.ts'
import { TotalOrder } from './total-order.ts'
import { has, type Incarnation, isQuorum, MEMBERS_MAX, type MemberId, type Ranks, rankOf, type View } from './view.ts'
import { fitsView, wellFormed } from './well-formed.ts'

/** Standing still for so long is worth a word to the operator, and again after so long. */
const BLOCKED_NOTE_MS = 5000
const BLOCKED_NOTE_EVERY_MS = 10_000

export interface MemberOptions {
  readonly settings: GroupSettings
  readonly name: string
  readonly url: string
  /** Fresh and random for each start of the process. */
  readonly incarnation: Incarnation
  /** The names that form the first view, in rank order. */
  readonly roster: readonly string[]
  readonly random: Random
  readonly datagramBytesMax: () => number
}

/** The view before this one, as long as somebody may lack something of it. */
interface Previous {
  readonly proposal: Proposal
  /** Undefined when everyone of this view was heard in it, or its slots were never held here. */
  order: TotalOrder | undefined
}

export class Member {
  private readonly options: MemberOptions
  private readonly settings: GroupSettings
  private readonly settingsText: string
  private readonly clock: PatientClock
  private readonly detector: FailureDetector
  private readonly queue: SubmissionQueue
  private readonly memory: BatchMemory
  private readonly log: OrderLog
  private readonly donor = new Donor()
  private readonly agreement = new Agreement()
  private outputs: Output[] = []

  private self: MemberId
  private role: Role
  /** What an observer catches up in is its view too; view 0 while founding. */
  private view: View
  private history = 0
  private time: Instant = 0

  // Within a view (founding and member); `enterView` makes them, and the constructor calls it.
  private rank = -1
  private order!: TotalOrder
  private connectivity!: Connectivity
  private laggards!: Laggards
  private flush!: Flush
  private retransmission!: Retransmission
  /** In view 0, which process sits in which seat. */
  private seats: (MemberId | undefined)[] = []
  private wedged = false
  /** While it is wedged: by rank, the last slot that may still be shown early. What came later may not be in the trim. */
  private heldAtWedge: readonly number[] = []
  /** Chosen, but something of the trim is still lacking. */
  private installing: Proposal | undefined
  /** Chosen without us: to be remembered until somebody is heard in the view that it begins. */
  private excludedBy: Proposal | undefined
  private previous: Previous | undefined
  private unheard: Set<Incarnation> = new Set()
  private suspectedNoted: Set<Incarnation> = new Set()
  private lastBroadcastAt: Instant = 0
  private lastInstallAt: Instant = 0
  private askedFor = false
  private lastAskAnswerAt: Instant = Number.NEGATIVE_INFINITY
  private ackOwed = false
  /** When it was last connected to a quorum and not wedged; outside the view: when a member was last heard. */
  private wellAt: Instant = 0

  // Outside a view.
  private catchUp: CatchUp
  private joining: Joining | undefined
  private wantsIn = false
  /** The slot of the last entry delivered, within its view. */
  private key: OrderKey = { slot: 0, rank: 0 }

  private readonly observers: Observers
  private readonly redirects = new Seldom<Incarnation>()
  private readonly notes = new Seldom<string>()
  private linked = true
  private earlyWanted = false
  /** How much a datagram carries for others at the moment: a batch, slots for a repair, a part of the log. */
  private payloadBytesMax = 0
  private readonly startedAt: Instant = 0
  private namesakeAt: Instant = Number.NEGATIVE_INFINITY
  private leave: { at: Instant; raised: boolean } | undefined
  private readonly counters: Counters = {
    sent: {},
    received: {},
    sentBytes: 0,
    receivedBytes: 0,
    dropped: {},
    repairsAsked: { lost: 0, 'view-change': 0, join: 0 },
    repairsGiven: { lost: 0, 'view-change': 0, join: 0 },
    suspicions: 0,
    suspicionsWithdrawn: 0,
    probesFailed: 0,
    probesAnswered: 0,
    viewChangesStarted: 0,
    divergences: 0,
  }

  constructor(options: MemberOptions, now: Instant) {
    this.options = options
    this.settings = options.settings
    this.settingsText = settingsText(options.settings)
    this.self = { name: options.name, incarnation: options.incarnation, url: options.url }
    this.clock = new PatientClock(options.settings.lateTickMs, now)
    this.detector = new FailureDetector(options.settings)
    this.queue = new SubmissionQueue(options.settings)
    this.memory = new BatchMemory(options.settings.logBytesMax)
    this.log = new OrderLog(options.settings, this.memory)
    this.observers = new Observers(options.settings)
    this.catchUp = new CatchUp(options.settings)
    const seat = options.roster.indexOf(options.name)
    this.role = seat >= 0 ? 'founding' : 'observer'
    const members = options.roster.map((name) => ({ name, incarnation: 0, url: '' }))
    this.view = { history: 0, number: 0, members: seat >= 0 ? members : [] }
    if (seat >= 0) {
      this.seats = members.map((_, rank) => (rank === seat ? this.self : undefined))
      this.wedged = true
    }
    this.enterView(seat, false)
  }

  // ---- the port

  step(now: Instant, input: Input): Output[] {
    this.outputs = []
    if (this.role === 'exited') return this.outputs
    this.payloadBytesMax = Math.max(1, this.options.datagramBytesMax() - OVERHEAD_BYTES)
    const pauseMs = input.type === 'tick' ? this.clock.tick(now) : 0
    this.time = this.clock.at(now)
    switch (input.type) {
      case 'tick':
        if (pauseMs > 0) this.note({ type: 'paused', ms: Math.round(pauseMs) })
        this.onTick()
        break
      case 'turn':
        this.onTurn()
        break
      case 'datagram':
        this.onDatagram(input.datagram)
        break
      case 'linked':
        this.onLinked(now, input.linked)
        break
      case 'hint':
        if (this.role === 'member' && rankOf(this.view, input.incarnation) >= 0) this.probe(input.incarnation)
        break
      case 'snapshot':
        if (this.role === 'member') {
          this.donor.keep(this.log, this.key, this.view, input.state, this.time)
        }
        break
      case 'showEarly':
        this.earlyWanted = input.wanted
        this.showEarly()
        break
      case 'leave':
        this.leave ??= { at: this.time, raised: false }
        if (this.role !== 'member') this.exit('left')
        break
      default:
        input satisfies never
    }
    return this.outputs
  }

  /** Takes a request, to leave with others in the next slot. The bytes are copied. */
  submit(request: Uint8Array): SubmitRefusal | undefined {
    if (this.role !== 'member' || this.excludedBy) return 'not-member'
    if (this.leave) return 'leaving'
    if (request.length > this.payloadBytesMax) return 'too-large'
    if (this.view.members.length < this.settings.minReplicas) return 'too-few-replicas'
    return this.queue.add(request)
  }

  /** What the application's state comes to after the entry of this position, a multiple of `DIGEST_EVERY`. */
  digestAt(position: number, digest: number): void {
    this.agreement.record(position, digest)
  }

  status(): MemberStatus {
    const member = this.role === 'member'
    const stalled = this.stalled()
    const unstable = member ? this.order.ownUnstable() : { slots: 0, bytes: 0 }
    const names = (test: (rank: number) => boolean): string[] =>
      member ? this.view.members.filter((_, rank) => rank !== this.rank && test(rank)).map(({ name }) => name) : []
    return {
      self: this.self,
      role: this.role,
      view: this.view.number > 0 ? this.view : undefined,
      rank: this.rank,
      wedged: this.wedged,
      primary: member && this.isPrimary(),
      position: this.log.position,
      head: Math.max(this.log.position, member ? 0 : this.catchUp.head),
      suspected: names((rank) => !this.detector.hears(this.view.members[rank]!.incarnation, this.time)),
      stalled: names((rank) => has(stalled, rank)),
      waiting: member && (unstable.slots > 0 || this.queue.length > 0 || this.order.somethingUndelivered()),
      snapshot: { received: this.catchUp.receivedBytes, total: this.catchUp.totalBytes },
      leaving: this.leave !== undefined,
      queueRequests: this.queue.length,
      queueBytes: this.queue.bytes,
      unstableSlots: unstable.slots,
      windowBytes: unstable.bytes,
      logEntries: this.log.length,
      logBytes: this.log.bytes,
      counters: this.counters,
    }
  }

  /** Of each other member of the view: how far it is behind, and whether it is suspected. */
  lags(): MemberLag[] {
    if (this.role !== 'member') return []
    const { order, laggards, time, detector } = this
    const lags = this.view.members.map(({ name, incarnation }, rank) => ({
      name,
      suspected: !detector.hears(incarnation, time) || has(this.stalled(), rank),
      ...laggards.lag(rank, order, time),
    }))
    return lags.filter((_, rank) => rank !== this.rank)
  }

  /** A change of view is a matter of milliseconds; one that hangs is told. */
  private isPrimary(): boolean {
    if (this.excludedBy || !this.linked) return false
    if (this.wedged && this.time - this.wellAt > this.settings.suspectAfterMs) return false
    return isQuorum(this.connected(), this.view.members.length)
  }

  // ---- the flush's host

  private host(): FlushHost {
    const member = this
    return {
      settings: this.settings,
      random: this.options.random,
      get self() {
        return member.self
      },
      send: (to, message) => this.send(to, message),
      note: (note) => {
        if (note.type === 'changeStarted') this.counters.viewChangesStarted += 1
        this.note(note)
      },
      hears: () => this.hears(),
      candidates: () => this.candidates(),
      ban: (joiner) => this.ban(joiner),
      describeSelf: () => this.describeSelf(),
      incarnationAt: (rank) => this.idAt(rank)?.incarnation,
      repairBytesMax: () => this.payloadBytesMax,
      cutFloor: () => ({ position: this.log.position, floor: this.order.deliveredPayloads() }),
      wedged: (coordinator) => this.wedge(coordinator),
      mayLead: () => this.mayLead(),
      install: (proposal) => {
        this.broadcast({ kind: 'install', proposal })
        this.onChosen(proposal)
      },
    }
  }

  private describeSelf(): Omit<StateMessage, 'kind' | 'ballot' | 'accepted'> {
    return {
      url: this.self.url,
      held: this.order.heldPayloads(),
      hears: this.hears(),
      observersHeard: this.observers.incarnations().filter((observer) => this.detector.hears(observer, this.time)),
      leaving: this.leave?.raised ?? false,
      position: this.log.position,
      settings: this.settingsText,
    }
  }

  private wedge(coordinator: number): void {
    this.flush.stalledAtWedge = this.stalled()
    if (this.wedged) return
    this.wedged = true
    this.heldAtWedge = this.order.heldPayloads()
    // The first heartbeat of a wedged member says at once what silence would say late.
    this.lastBroadcastAt = this.time - this.settings.heartbeatMs
    const { name } = this.view.members[coordinator]!
    this.note({ type: 'wedged', view: this.view.number, coordinator: name })
  }

  private mayLead(): boolean {
    if (!this.linked || this.installing || this.excludedBy) return false
    if (this.role === 'founding') {
      if (this.time - this.startedAt < this.settings.firstWaitMs || this.namesakeHeard()) return false
      return this.flush.enough(this.connected())
    }
    if (this.role !== 'member') return false
    if (!this.wedged && !this.connectivity.maySeeAndStart(this.time)) return false
    return this.flush.enough(this.connected())
  }

  // ---- who is heard

  private idAt(rank: number): MemberId | undefined {
    return this.role === 'founding' ? this.seats[rank] : this.view.members[rank]
  }

  private heardRanks(test: (incarnation: Incarnation) => boolean): Ranks {
    let ranks = 0
    for (let rank = 0; rank < this.view.members.length; rank++) {
      const id = this.idAt(rank)
      if (rank === this.rank || (id && test(id.incarnation))) ranks |= 1 << rank
    }
    return ranks
  }

  /** Oneself and those that one neither suspects nor, while unwedged, finds stalled. */
  private hears(): Ranks {
    return this.heardRanks((incarnation) => this.detector.hears(incarnation, this.time)) & ~this.stalled()
  }

  private connected(): Ranks {
    return this.connectivity.connectedTo(this.hears())
  }

  private stalled(): Ranks {
    return this.role === 'member' && !this.wedged ? this.laggards.stalled(this.time) : 0
  }

  private noteSuspicions(): void {
    const stalled = this.stalled()
    for (const [rank, member] of this.view.members.entries()) {
      const { incarnation } = member
      if (rank === this.rank) continue
      const silent = !this.detector.hears(incarnation, this.time)
      const suspected = silent || has(stalled, rank)
      if (suspected === this.suspectedNoted.has(incarnation)) continue
      if (suspected) {
        this.suspectedNoted.add(incarnation)
        this.counters.suspicions += 1
        const why = !silent ? 'stalled' : this.detector.probeFailed(incarnation) ? 'probe' : 'silent'
        this.note({ type: 'suspected', member, why })
      } else {
        this.suspectedNoted.delete(incarnation)
        this.counters.suspicionsWithdrawn += 1
        this.note({ type: 'suspicionWithdrawn', member })
      }
    }
  }

  private noteBlocked(): void {
    const connected = this.connected()
    if (this.flush.enough(connected) && (this.role === 'founding' || !this.wedged)) this.wellAt = this.time
    const ms = this.time - this.wellAt
    if (ms < BLOCKED_NOTE_MS) return
    const unheard = this.view.members.filter((_, rank) => !has(connected, rank)).map(({ name }) => name)
    this.noteSeldom('blocked', BLOCKED_NOTE_EVERY_MS, {
      type: 'blocked',
      view: this.view.number,
      ms: Math.round(ms),
      unheard,
    })
  }

  private namesakeHeard(): boolean {
    return this.time - this.namesakeAt <= this.settings.suspectAfterMs
  }

  private probe(incarnation: Incarnation): void {
    if (this.linked && incarnation !== this.self.incarnation) this.detector.startProbe(incarnation, this.time)
  }

  // ---- time

  private onTick(): void {
    if (!this.linked) return
    this.donor.tick(this.log, this.time)
    const { pings, failed } = this.detector.tick(this.time)
    for (const { to, number } of pings) this.send(to, { kind: 'ping', number })
    this.counters.probesFailed += failed.length
    this.observers.tick(this.detector, this.time)
    const members = this.view.members.map(({ incarnation }) => incarnation)
    const kept = new Set([...members, ...this.observers.incarnations()])
    for (const seat of this.seats) if (seat) kept.add(seat.incarnation)
    this.detector.keepOnly(kept, this.time)
    if (this.role === 'observer') this.tickOutside()
    else this.tickInside()
    if (this.leave && this.time - this.leave.at >= this.settings.leaveWaitMs)
      this.exit('left, without a goodbye in time')
  }

  private tickInside(): void {
    if (this.role === 'member' && !this.wedged) this.laggards.watch(this.order, this.time)
    if (this.role === 'member') {
      this.noteSuspicions()
      if (this.checkAgreement()) return
    }
    this.noteBlocked()
    const fresh = this.heardRanks((id) => this.detector.fresh(id, this.time, 3 * this.settings.heartbeatMs))
    this.connectivity.tick(this.time, this.hears(), fresh)
    if (!this.installing && !this.excludedBy) this.flush.tick(this.time, this.whyChange())
    if (this.role === 'exited' || this.role === 'observer') return
    this.fetch()
    this.repeatInstall()
    if (this.time - this.lastBroadcastAt >= this.settings.heartbeatMs) this.heartbeat()
    else if (this.role === 'member' && !this.wedged && this.order.somethingUndelivered()) {
      if (this.time - this.lastBroadcastAt >= this.settings.askMs) this.sendHeader(true)
    }
    this.advanceLeave()
  }

  private heartbeat(): void {
    if (!this.wedged) return this.sendHeader(false)
    if (this.role === 'founding' && this.namesakeHeard()) return
    const { promised } = this.flush
    this.broadcast({ kind: 'beat', promised, hears: this.hears(), leaving: this.leave?.raised ?? false })
  }

  private tickOutside(): void {
    const pull = this.catchUp.tick(this.log.position, this.time)
    if (pull) this.send(pull.to, pull.pull)
    this.fetch()
    this.maybeWantIn()
    const ms = this.time - this.wellAt
    if (ms >= BLOCKED_NOTE_MS)
      this.noteSeldom('groupUnheard', BLOCKED_NOTE_EVERY_MS, { type: 'groupUnheard', ms: Math.round(ms) })
    if (this.time - this.lastBroadcastAt < this.settings.heartbeatMs) return
    const heard = this.detector.everyoneHeard(this.time)
    const { wantsIn, settingsText: settings } = this
    this.broadcast({ kind: 'join', url: this.self.url, position: this.log.position, heard, wantsIn, settings })
    if (!wantsIn && this.catchUp.head > 0) {
      const { head, receivedBytes: bytes, totalBytes: total } = this.catchUp
      this.noteSeldom('catchingUp', 1000, { type: 'catchingUp', position: this.log.position, head, bytes, total })
    }
  }

  private maybeWantIn(): void {
    const wantsIn = this.catchUp.nearHead && !this.namesakeHeard()
    if (wantsIn && !this.wantsIn) this.note({ type: 'wantsIn', position: this.log.position })
    this.wantsIn = wantsIn
  }

  /** What calls for a change of view, in words; undefined: nothing. */
  private whyChange(): string | undefined {
    if (this.role === 'founding') return 'first start'
    const mine = this.hears()
    for (const [rank, { name }] of this.view.members.entries()) {
      if (!has(mine, rank)) return `${name} is not heard or stalls`
      if (this.connectivity.isLeaving(rank) || (rank === this.rank && this.leave?.raised)) return `${name} leaves`
      if (rank === this.rank ? this.wedged : this.connectivity.isWedged(rank)) return `${name} is wedged`
    }
    if (this.connectivity.pairApart(this.time)) return 'two members are not connected'
    const joiner = this.joinerToLetIn(mine)
    return joiner && `${joiner.member.name} joins`
  }

  /** Who is let in is the leader's affair alone: it knows whom it has just tried in vain. */
  private joinerToLetIn(mine: Ranks): Candidate | undefined {
    if (this.connectivity.leader(mine) !== this.rank) return undefined
    const joiner = this.candidates().find(({ heard }) =>
      this.view.members.every(({ incarnation }, rank) => !has(mine, rank) || heard.includes(incarnation)),
    )
    if (!joiner || this.view.members.length < MEMBERS_MAX) return joiner
    const why = `the view has ${MEMBERS_MAX} members, and no more fit`
    this.noteSeldom('full', 5000, { type: 'joinerRefused', member: joiner.member, why })
    return undefined
  }

  private candidates(): Candidate[] {
    const connected = this.connected()
    return this.observers
      .candidates(this.detector, this.time)
      .filter(({ member }) => !this.view.members.some(({ name }, rank) => name === member.name && has(connected, rank)))
  }

  private ban(joiner: MemberId): void {
    this.note({ type: 'joinerNotReady', member: joiner, banMs: this.observers.ban(joiner, this.time) })
  }

  private onLinked(now: Instant, linked: boolean): void {
    if (linked === this.linked) return
    this.linked = linked
    if (!linked) return this.clock.freeze(now)
    this.clock.thaw(now)
    this.time = this.clock.at(now)
  }

  // ---- the end of a turn

  private onTurn(): void {
    if (this.role === 'observer') {
      this.speakAsJoiner()
      return
    }
    if (this.role !== 'member' || this.wedged) {
      this.fetch()
      return
    }
    // First of all, since others wait for it; in a view of one what is sent is safe at once.
    this.sendTurn()
    this.showEarly()
    this.deliverSafe()
    this.fetch()
    this.order.dropStable()
  }

  /** At most one thing to everyone a turn tells all: slots, or else nulls and acknowledgements in one header. */
  private sendTurn(): void {
    if (this.order.takePayloadHeld()) this.ackOwed = true
    let sent = false
    const bytesMax = this.payloadBytesMax
    while (this.queue.length > 0 && this.mayBegin(sent)) {
      // The fabric's limit may be lower than when they came: a slot that no datagram carries would stop the group.
      const requests = this.queue.takeUnsendable(bytesMax)
      if (requests.length > 0) this.outputs.push({ type: 'unsent', requests, why: 'too-large' })
      if (this.queue.length === 0) break
      const { room, batch } = this.queue.take(bytesMax)
      this.sendSlot(this.order.addOwnSlot(this.order.nextOwnSlot(), batch), room)
      sent = true
    }
    if (!sent) {
      const owed = this.order.nullsOwed()
      if (owed > 0) this.order.raiseOwnWatermark(owed)
      const answers = this.askedFor && this.time - this.lastAskAnswerAt >= this.settings.answerAskMs
      if (owed > 0 || this.ackOwed || answers) this.sendHeader(false)
    }
  }

  /** Whether a slot may leave. After another one in the same turn, less than a batch waits for more: an answer comes. */
  private mayBegin(another: boolean): boolean {
    const { slots, bytes } = this.order.ownUnstable()
    if (slots === 0) return true
    if (another && !this.queue.hasWhole) return false
    return slots < this.settings.windowSlotsMax && bytes < this.settings.windowBytesMax
  }

  private headerFields(ask: boolean): HeaderFields {
    this.ackOwed = false
    this.askedFor = false
    this.lastAskAnswerAt = this.time
    return {
      ...this.order.ownWatermark(),
      rank: this.rank,
      held: this.order.held(),
      hears: this.hears(),
      ask,
      leaving: this.leave?.raised ?? false,
      digest: this.agreement.latest,
    }
  }

  private sendHeader(ask: boolean): void {
    this.broadcast({ ...this.headerFields(ask), kind: 'header' })
  }

  private sendSlot(record: Slot, room: Uint8Array): void {
    this.lastBroadcastAt = this.time
    const message = { ...this.headerFields(false), kind: 'slot', record } as const
    this.put('everyone', message.kind, encodeSlot(this.envelope(message, this.view.number), room))
  }

  private showEarly(): void {
    if (!this.earlyWanted || this.role !== 'member') return
    const through = this.wedged ? this.heldAtWedge : undefined
    for (const { level, slot } of this.order.takeEarly(through))
      this.outputs.push(shown('early', level, slot, this.view))
  }

  /** The view is over here: what was shown and not delivered in it never will be. */
  private retract(view: View, order: TotalOrder): void {
    for (const { level, slot } of order.shownInVain()) this.outputs.push(shown('retract', level, slot, view))
  }

  private deliverSafe(): void {
    if (this.wedged) return
    for (let slot = this.order.nextSafe(); slot; slot = this.order.nextSafe()) {
      this.order.markDelivered(slot)
      this.deliver(this.view, slot.slot, slot.sender, slot.batch)
    }
  }

  private deliver(view: View, slot: number, rank: number, batch: Uint8Array): void {
    this.log.append({ kind: 'slot', view: view.number, slot, rank, batch })
    this.key = { slot, rank }
    const sender = view.members[rank]!
    this.outputs.push({ type: 'deliver', position: this.log.position, view: view.number, slot, sender, batch })
  }

  // ---- repair

  /** Asks for what is known to exist and is not held, and for what a change of view needs. */
  private fetch(): void {
    if (this.role === 'observer') {
      if (this.joining) this.want(this.joining.view.number, this.joining.order, this.joining.trim, undefined)
      return
    }
    if (this.role === 'founding') return
    const goal = this.installing ? { trim: this.installing.trim, holders: undefined } : this.flush.goal
    if (this.wedged && !goal) return
    this.want(this.view.number, this.order, goal?.trim, goal?.holders)
  }

  private want(
    view: number,
    order: TotalOrder,
    trim: readonly number[] | undefined,
    holders: readonly number[] | undefined,
  ): void {
    const members = (this.joining?.view ?? this.view).members
    for (const { rank, from, to, attempt } of this.retransmission.due(order.missing(trim), this.time)) {
      const targets = this.repairTargets(members, order, rank, from, holders?.[rank])
      const target = targets[attempt % Math.max(1, targets.length)]
      if (target === undefined) continue
      this.counters.repairsAsked[this.joining ? 'join' : trim ? 'view-change' : 'lost'] += 1
      this.send(target, { kind: 'want', rank, from, to }, view)
    }
  }

  /** Whom to ask for a lane's slots: first a known holder or the sender, then the others, those that said they hold it first. */
  private repairTargets(
    members: readonly MemberId[],
    order: TotalOrder,
    lane: number,
    from: number,
    holder: number | undefined,
  ): Incarnation[] {
    const others = [...members.keys()].filter((rank) => {
      const { incarnation } = members[rank]!
      return incarnation !== this.self.incarnation && this.detector.hears(incarnation, this.time)
    })
    const place = (rank: number): number => {
      if (rank === holder) return 0
      if (rank === lane) return 1
      return order.reportedBy(rank, lane) >= from ? 2 : 3
    }
    const targets = others.sort((a, b) => place(a) - place(b)).map((rank) => members[rank]!.incarnation)
    // Who was let in by the change may hold what the old members lack.
    for (const { incarnation } of this.installing?.members ?? []) {
      if (incarnation !== this.self.incarnation && !targets.includes(incarnation)) targets.push(incarnation)
    }
    return targets
  }

  private onWant(from: Incarnation, view: number, want: Extract<Message, { kind: 'want' }>): void {
    const order = this.orderOf(view)
    if (!order || want.rank >= order.size) return
    const answer = order.answer(want, this.payloadBytesMax)
    if (!answer) return
    this.counters.repairsGiven[this.causeOf(from, view)] += 1
    this.send(from, { kind: 'repair', slotsView: view, rank: want.rank, ...answer })
  }

  private causeOf(asker: Incarnation, view: number): RepairCause {
    if (this.role === 'member' && rankOf(this.view, asker) < 0) return 'join'
    return this.wedged || view < this.view.number ? 'view-change' : 'lost'
  }

  private onRepair(repair: Extract<Message, { kind: 'repair' }>): void {
    const order = this.role === 'observer' ? this.joining?.order : this.order
    const view = this.role === 'observer' ? this.joining?.view.number : this.view.number
    if (!order || view !== repair.slotsView || repair.rank >= order.size) return this.drop('a repair of another view')
    if (repair.rank === this.rank && this.role === 'member') return
    order.addRepair(repair.rank, repair.from, repair.to, repair.records)
    this.afterProgress()
  }

  private orderOf(view: number): TotalOrder | undefined {
    if (this.role === 'observer')
      return view === this.joining?.view.number ? this.joining.order : this.previousOrder(view)
    return view === this.view.number ? this.order : this.previousOrder(view)
  }

  private previousOrder(view: number): TotalOrder | undefined {
    return this.previous?.proposal.view === view ? this.previous.order : undefined
  }

  /** Something that a change of view waits for may be there now. */
  private afterProgress(): void {
    if (this.installing) this.maybeInstall()
    else if (this.role === 'observer') this.speakAsJoiner()
    else if (this.wedged && !this.excludedBy) this.flush.progress(this.time)
  }

  private speakAsJoiner(): void {
    const { joining } = this
    if (!joining) return
    for (const { to, message } of joining.progress(this.log.position)) this.send(to, message, joining.view.number)
    this.fetch()
  }

  // ---- datagrams

  private onDatagram(datagram: Uint8Array): void {
    const envelope = decode(datagram)
    if (!envelope) return this.drop('undecodable')
    if (!wellFormed(envelope.message)) return this.drop('malformed')
    const { sender, message, history } = envelope
    if (sender.incarnation === this.self.incarnation) return this.drop('own')
    this.counters.received[message.kind] = (this.counters.received[message.kind] ?? 0) + 1
    this.counters.receivedBytes += datagram.length
    if (history !== 0 && this.history !== 0 && history !== this.history) {
      this.noteSeldom('foreignHistory', 5000, { type: 'foreignHistory', member: sender.name, history })
      return this.drop('another history')
    }
    this.detector.heard(sender.incarnation, this.time)
    if (sender.name === this.self.name) this.onNamesake(envelope)
    this.dispatch(envelope)
  }

  private onNamesake({ sender, message }: Envelope): void {
    // A member need not care: the other never gets in. Our own former life may still be heard for a moment.
    if (this.role === 'member') return
    // Of two observers of one name the one with the lower incarnation goes first, or neither ever would.
    if (message.kind === 'join' && this.role === 'observer' && sender.incarnation > this.self.incarnation) return
    this.namesakeAt = this.time
    if (message.kind === 'beat' || message.kind === 'header') {
      this.noteSeldom('namesake', 5000, { type: 'namesake', member: { ...sender, url: '' } })
    }
  }

  private dispatch(envelope: Envelope): void {
    const { message, sender, view } = envelope
    const from = sender.incarnation
    switch (message.kind) {
      case 'ping':
        return this.send(from, { kind: 'pong', number: message.number })
      case 'pong':
        if (this.detector.pong(from, message.number)) this.counters.probesAnswered += 1
        return
      case 'join':
        return this.onJoin(envelope, message)
      case 'pull':
        return this.onPull(envelope, message)
      case 'log':
        return this.onLog(envelope, message)
      case 'chunk':
        return this.onChunk(envelope, message)
      case 'out':
        return this.onOut(envelope, message.members)
      case 'install':
        return this.onInstall(envelope, message.proposal)
      case 'want':
        // Of a view one back it is answered with slots; any other word of that view is answered with its end.
        if (this.belongs() && view < this.view.number) this.redirect(envelope)
        return this.onWant(from, view, message)
      case 'repair':
        this.noteGroup(envelope)
        return this.onRepair(message)
      default:
        return this.onViewMessage(envelope)
    }
  }

  private belongs(): boolean {
    return this.history !== 0
  }

  /** Who speaks in a view of a group can be pulled from. */
  private noteGroup({ history, view, sender }: Envelope): void {
    if (this.role !== 'observer' || history === 0 || view === 0) return
    this.wellAt = this.time
    this.catchUp.memberHeard(sender.incarnation, this.time)
  }

  /** Messages that mean something only within one view. */
  private onViewMessage(envelope: Envelope): void {
    const { message, view, history } = envelope
    this.noteGroup(envelope)
    if (this.role === 'observer') {
      if (message.kind === 'cut') return this.onCut(envelope, message)
      if (message.kind === 'propose') return this.onProposeAsJoiner(envelope, message)
      if (this.previous && view === this.previous.proposal.view) this.redirect(envelope)
      else if (history === 0 && this.belongs()) this.redirect(envelope)
      return
    }
    if (this.role === 'founding' && history !== 0) return this.onGroupHeardWhileFounding(envelope)
    if (history === 0 && this.belongs()) return this.redirect(envelope)
    if (view > this.view.number) return this.onLaterView(envelope)
    if (view < this.view.number) return this.redirect(envelope)
    if (message.kind === 'cut') return
    const rank = this.rankOfSender(envelope)
    if (rank < 0) {
      // Only a joiner speaks in a view without being in it.
      if (message.kind === 'ready') this.flush.onReady(envelope.sender.incarnation, message.ballot, this.time)
      else if (message.kind === 'accept') this.flush.onAccept(envelope.sender.incarnation, message.ballot, this.time)
      else if (message.kind === 'refuse') this.flush.onRefuse(message.ballot, this.time)
      else this.drop('not of the view')
      return
    }
    this.unheard.delete(envelope.sender.incarnation)
    if (!this.excludedBy) this.maybeDropPrevious()
    this.onMembersMessage(rank, envelope)
  }

  private rankOfSender({ sender }: Envelope): number {
    if (this.role !== 'founding') return rankOf(this.view, sender.incarnation)
    const rank = this.options.roster.indexOf(sender.name)
    if (rank >= 0 && rank !== this.rank && this.seats[rank]?.incarnation !== sender.incarnation) {
      this.seats[rank] = { ...sender, url: '' }
      this.connectivity.forget(rank)
    }
    return rank === this.rank ? -1 : rank
  }

  private onMembersMessage(rank: number, envelope: Envelope): void {
    const { message } = envelope
    if (!fitsView(message, rank, this.view.members.length)) return this.drop('malformed')
    const from = envelope.sender.incarnation
    switch (message.kind) {
      case 'header':
        return this.onHeader(rank, message)
      case 'slot':
        this.order.addSlot(message.record)
        this.onHeader(rank, message)
        if (this.wedged) this.afterProgress()
        return
      case 'beat':
        this.connectivity.report(rank, message.hears, message.leaving, true)
        this.flush.seen(message.promised)
        if (this.installing || this.excludedBy) this.answerWithInstall(from)
        return
      case 'collect':
        // What was chosen is chosen: from then on no other attempt at this view is answered but with the choice.
        if (this.installing || this.excludedBy) return this.answerWithInstall(from)
        if (this.role === 'founding' && this.namesakeHeard()) return
        this.connectivity.report(rank, message.hears, this.connectivity.isLeaving(rank), true)
        return this.flush.onCollect(from, message.ballot, message.hears, this.time)
      case 'state':
        return this.onState(rank, envelope, message)
      case 'refuse':
        return this.flush.onRefuse(message.ballot, this.time)
      case 'propose':
        if (this.installing || this.excludedBy) return this.answerWithInstall(from)
        return this.flush.onPropose(from, message.ballot, message.proposal, message.holders, this.time)
      case 'accept':
        return this.flush.onAccept(from, message.ballot, this.time)
      case 'missed':
        if (this.installing || this.excludedBy) this.answerWithInstall(from)
        return
      default:
        this.drop(`${message.kind} out of place`)
    }
  }

  private onHeader(rank: number, header: HeaderFields): void {
    if (this.role !== 'member') return this.drop('a header before the first view')
    this.order.announce(rank, header.watermark, header.lastPayload)
    this.order.report(rank, header.held)
    this.connectivity.report(rank, header.hears, header.leaving, false)
    if (header.ask) this.askedFor = true
    this.agreement.hear(rank, header.digest)
  }

  /** Stops, if those that do not differ are too few to go on: what we would say is worth nothing (G8). Answers whether. */
  private checkAgreement(): boolean {
    for (const { rank, position } of this.agreement.takeFound()) {
      this.counters.divergences += 1
      this.note({ type: 'diverged', member: this.view.members[rank]!, position })
      if (!this.agreement.isAlone) continue
      this.exit(`its state differs from that of the others at position ${position}`)
      return true
    }
    return false
  }

  private onState(rank: number, { sender }: Envelope, state: StateMessage): void {
    if (state.settings !== this.settingsText) {
      const member = { ...sender, url: state.url }
      const why = settingsDifference(this.settingsText, state.settings)
      this.noteSeldom(`settings ${sender.name}`, 5000, { type: 'joinerRefused', member, why })
      return
    }
    this.flush.onState(rank, { ...sender, url: state.url }, state, this.time)
  }

  /** A datagram of a later view of our history: nothing of it can be used, but its sender can tell how ours ended. */
  private onLaterView(envelope: Envelope): void {
    this.drop('a later view')
    const ends = this.excludedBy
    if (ends && envelope.view > ends.view) {
      if (this.leave) return this.exit('left')
      return this.becomeObserver('the others formed a view without this replica')
    }
    if (this.mayRedirect(envelope.sender.incarnation)) this.send(envelope.sender.incarnation, { kind: 'missed' })
  }

  private onGroupHeardWhileFounding(envelope: Envelope): void {
    if (envelope.view === 0) return
    if (this.flush.promised === 0 && !this.excludedBy) return this.becomeObserver('a group exists already')
    if (this.excludedBy) return this.becomeObserver('the group was formed without this process')
    // It has voted, and may be a member: how view 0 ended is asked for first.
    if (this.mayRedirect(envelope.sender.incarnation)) this.send(envelope.sender.incarnation, { kind: 'missed' })
  }

  /** Tells somebody who speaks in a view that ended what came of it. */
  private redirect(envelope: Envelope): void {
    const { sender, view, message } = envelope
    if (message.kind === 'accept' || message.kind === 'refuse' || message.kind === 'ready') {
      if (this.previous?.proposal.view !== view) return
    }
    if (!this.mayRedirect(sender.incarnation)) return
    if (this.previous && this.previous.proposal.view === view) {
      this.send(sender.incarnation, { kind: 'install', proposal: this.previous.proposal }, view)
    } else if (this.role === 'member') {
      this.send(sender.incarnation, { kind: 'out', members: this.view.members })
    }
  }

  private answerWithInstall(to: Incarnation): void {
    const proposal = this.installing ?? this.excludedBy
    if (proposal && this.mayRedirect(to)) this.send(to, { kind: 'install', proposal }, proposal.view)
  }

  private mayRedirect(to: Incarnation): boolean {
    return this.redirects.may(to, this.settings.redirectMs, this.time)
  }

  private onOut({ view, history }: Envelope, members: readonly MemberId[]): void {
    if (this.role === 'observer' || view <= this.view.number || history === 0) return
    if (members.some(({ incarnation }) => incarnation === this.self.incarnation)) return
    if (this.leave && this.role === 'member') return this.exit('left')
    this.becomeObserver('the group went on without this replica')
  }

  // ---- from one view to the next

  private onInstall({ history }: Envelope, proposal: Proposal): void {
    if (this.role === 'observer') return this.onInstallAsJoiner(proposal)
    if (this.installing || this.excludedBy) return
    if (proposal.view < this.view.number || proposal.oldMembers.length !== this.view.members.length) return
    if (proposal.view > this.view.number || (this.view.number === 0 ? false : history !== this.view.history)) return
    this.onChosen(proposal)
  }

  /** The successor of our view is chosen. */
  private onChosen(proposal: Proposal): void {
    this.wedged = true
    if (proposal.members.some(({ incarnation }) => incarnation === this.self.incarnation)) {
      this.installing = proposal
      this.maybeInstall()
      this.fetch()
      return
    }
    this.excludedBy = proposal
    this.previous = { proposal, order: this.order }
    this.history = proposal.history
  }

  private maybeInstall(): void {
    const proposal = this.installing
    if (!proposal || !this.order.holds(proposal.trim)) return
    this.install(proposal, this.view, this.order)
  }

  /** Delivers what is left of the old view, then the new view as an event in the same order, and begins it. */
  private install(proposal: Proposal, old: View, order: TotalOrder): void {
    assert(proposal.view >= this.view.number, 'G1: views only grow')
    // Where the log has come further than the slots (a joiner's), what it has is not delivered again.
    order.skipThrough(this.key)
    const trim = order.causallyClosed(proposal.trim)
    const cut = this.rank >= 0 && this.role === 'member' ? order.ownBeyond(trim) : []
    for (const slot of order.takeThrough(trim)) this.deliver(old, slot.slot, slot.sender, slot.batch)
    this.retract(old, order)
    for (const slot of cut.reverse()) this.queue.putBack(slot.batch)
    this.begin(proposal, order)
  }

  private begin(proposal: Proposal, order: TotalOrder | undefined): void {
    this.role = 'member'
    this.previous = { proposal, order }
    this.appendView(proposal)
    this.enter()
    if (this.view.members.length < this.settings.minReplicas && this.queue.length > 0) {
      this.outputs.push({ type: 'unsent', requests: this.queue.clear(), why: 'too-few-replicas' })
    }
  }

  /** The view's own place in the order. */
  private appendView(proposal: Proposal): void {
    const { oldMembers, members, leaving } = proposal
    const among = (list: readonly MemberId[], { incarnation }: MemberId): boolean =>
      list.some((member) => member.incarnation === incarnation)
    const gone = oldMembers.filter((member) => !among(members, member))
    const left = gone.filter(({ incarnation }) => leaving.includes(incarnation))
    const first = proposal.view === 0
    const failed = first ? [] : gone.filter((member) => !left.includes(member))
    // Who reads of it in the log cannot tell when it was.
    if (this.role === 'member') for (const member of failed) this.observers.excluded(member, this.time)
    this.log.append({ kind: 'view', proposal })
    this.key = { slot: 0, rank: 0 }
    this.history = proposal.history
    this.view = { history: proposal.history, number: proposal.view + 1, members }
    this.outputs.push({
      type: 'view',
      position: this.log.position,
      view: this.view,
      joined: first ? members : members.filter((member) => !among(oldMembers, member)),
      left: first ? [] : left,
      failed,
      member: this.role === 'member',
      attempts: this.role === 'member' ? this.flush.attempts : 0,
    })
  }

  /** Begins the installed view: numbers at zero, everybody taken as just heard and as hearing all. */
  private enter(): void {
    this.enterView(rankOf(this.view, this.self.incarnation), true)
    assert(this.rank >= 0, 'G1: a member is in each view that it installs')
    for (const { incarnation } of this.view.members) this.detector.heard(incarnation, this.time)
    this.unheard = new Set(this.view.members.map(({ incarnation }) => incarnation))
    this.unheard.delete(this.self.incarnation)
    this.maybeDropPrevious() // Alone, one waits for nobody.
    this.suspectedNoted.clear()
    this.seats = []
    this.wedged = false
    this.heldAtWedge = []
    this.installing = undefined
    this.joining = undefined
    this.wantsIn = false
    this.lastInstallAt = this.time
    this.wellAt = this.time
    for (const { incarnation } of this.view.members) {
      this.observers.remove(incarnation)
    }
    this.sendHeader(false)
  }

  /** When everybody was heard in this view, nobody lacks anything of the one before. */
  private maybeDropPrevious(): void {
    if (this.unheard.size === 0 && this.previous) this.previous.order = undefined
  }

  /** `optimistic`: all are taken as hearing all, as at the start of an installed view. */
  private enterView(rank: number, optimistic: boolean): void {
    const { settings, view, time } = this
    const size = view.members.length
    this.rank = rank
    this.order = new TotalOrder(size, rank, settings.windowSlotsMax, this.memory)
    this.connectivity = new Connectivity(size, rank, settings, optimistic)
    this.laggards = new Laggards(settings, size, rank, this.connectivity, time)
    this.agreement.begin(size)
    this.flush = new Flush(this.host(), view, rank, this.order, this.connectivity, time)
    this.retransmission = new Retransmission(settings.repairMs)
  }

  /** Those not yet heard in the new view may not know of it. */
  private repeatInstall(): void {
    if (this.role !== 'member' || !this.previous || this.excludedBy || this.installing) return
    if (this.unheard.size === 0 || this.time - this.lastInstallAt < this.settings.heartbeatMs) return
    this.lastInstallAt = this.time
    const { proposal } = this.previous
    for (const { incarnation } of this.view.members) {
      if (this.unheard.has(incarnation)) this.send(incarnation, { kind: 'install', proposal }, proposal.view)
    }
  }

  /** Put out: what is beyond the safe prefix is dropped, and under a fresh incarnation the way back in is begun. */
  private becomeObserver(reason: string): void {
    const voted = this.role === 'member' || this.flush.promised > 0
    if (this.role === 'member') this.retract(this.view, this.order)
    this.role = 'observer'
    this.wedged = false
    this.installing = undefined
    this.excludedBy = undefined
    this.joining = undefined
    this.wantsIn = false
    this.seats = []
    if (this.view.number === 0) this.view = { history: 0, number: 0, members: [] }
    if (this.view.number === 0 && this.log.position === 0) this.history = 0
    this.catchUp = new CatchUp(this.settings)
    this.rank = -1
    this.retransmission = new Retransmission(this.settings.repairMs)
    this.queue.clear()
    this.wellAt = this.time
    this.lastBroadcastAt = this.time - this.settings.heartbeatMs
    if (!voted) return
    this.self = { ...this.self, incarnation: freshIncarnation(this.options.random) }
    this.outputs.push({ type: 'reincarnated', incarnation: this.self.incarnation, reason })
  }

  // ---- outside the view

  private onJoin({ sender }: Envelope, join: JoinMessage): void {
    if (rankOf(this.view, sender.incarnation) >= 0) return // It is in since.
    const member = { ...sender, url: join.url }
    const settingsFit = join.settings === this.settingsText
    const isNew = this.observers.get(sender.incarnation) === undefined
    if (!this.observers.add({ member, heard: join.heard, wantsIn: join.wantsIn, settingsFit })) {
      return this.drop('too many observers')
    }
    if (this.role !== 'member') return
    if (!settingsFit) {
      const why = settingsDifference(this.settingsText, join.settings)
      this.noteSeldom(`settings ${sender.name}`, 5000, { type: 'joinerRefused', member, why })
    }
    for (const { name, incarnation } of this.view.members) {
      if (name === sender.name && incarnation !== sender.incarnation) {
        if (incarnation === this.self.incarnation) {
          this.noteSeldom('namesake', 5000, { type: 'namesake', member })
        } else if (isNew && this.detector.hears(incarnation, this.time)) this.probe(incarnation)
      }
    }
  }

  private onPull({ sender }: Envelope, pull: Extract<Message, { kind: 'pull' }>): void {
    if (this.role !== 'member') return
    let answer = this.donor.answer(pull, this.log, this.payloadBytesMax, this.time)
    // The driver answers before anything else goes in; the observer asks again.
    if (answer === 'takeSnapshot') this.outputs.push({ type: 'takeSnapshot' })
    if (answer === undefined || answer === 'takeSnapshot') return
    const settings = this.observers.get(sender.incarnation)?.settingsFit === false ? this.settingsText : ''
    if (answer.kind === 'log' && settings !== '') answer = { ...answer, settings }
    this.send(sender.incarnation, answer)
  }

  private onLog(envelope: Envelope, message: LogMessage): void {
    if (this.role !== 'observer') return
    this.noteGroup(envelope)
    if (message.settings !== '') {
      const why = `the settings differ from those of the group: ${settingsDifference(this.settingsText, message.settings)}`
      this.noteSeldom('refused', 5000, { type: 'refused', why })
    }
    if (!this.catchUp.onLog(envelope.sender.incarnation, message, this.log.position)) return
    this.history = envelope.history
    for (const entry of message.entries) if (this.applyEntry(entry)) return
    this.maybeWantIn()
    this.speakAsJoiner()
    this.pullOn()
  }

  /** Answers whether it made this process a member. */
  private applyEntry(entry: LogEntry): boolean {
    if (entry.kind === 'slot') {
      this.deliver(this.view, entry.slot, entry.rank, entry.batch)
      return false
    }
    const { proposal } = entry
    if (proposal.members.some(({ incarnation }) => incarnation === this.self.incarnation)) {
      // Its Install was lost or came too early: the log says it as well.
      const order = this.joining?.view.number === proposal.view ? this.joining.order : undefined
      this.begin(proposal, order)
      return true
    }
    this.appendView(proposal)
    if (this.joining && this.joining.view.number <= proposal.view) this.joining = undefined
    return false
  }

  private pullOn(): void {
    const pull = this.catchUp.tick(this.log.position, this.time)
    if (pull) this.send(pull.to, pull.pull)
  }

  private onChunk(envelope: Envelope, chunk: ChunkMessage): void {
    if (this.role !== 'observer') return
    this.noteGroup(envelope)
    const state = this.catchUp.onChunk(envelope.sender.incarnation, chunk, this.log.position)
    if (state) {
      this.history = envelope.history
      this.view = { history: envelope.history, number: chunk.number, members: chunk.members }
      this.key = chunk.key
      this.log.restart(chunk.position)
      this.outputs.push({ type: 'restore', position: chunk.position, view: this.view, state })
    }
    this.pullOn()
  }

  private onCut({ sender, history, view }: Envelope, cut: CutMessage): void {
    if (history !== this.history || view < this.view.number) return
    if (this.joining && this.joining.view.number > view) return
    const before = this.joining?.view.number === view ? this.joining : undefined
    if (before && cut.ballot < before.promised && cut.ballot !== before.ballot) return
    if (before?.ballot === cut.ballot) before.asked()
    else {
      const { windowSlotsMax } = this.settings
      this.joining = new Joining(history, view, cut, sender.incarnation, windowSlotsMax, this.memory, before)
      this.retransmission = new Retransmission(this.settings.repairMs)
      // Any other donor may be wedged short of the cut, and a wedged one delivers nothing more.
      this.catchUp.prefer(sender.incarnation, this.time)
      this.pullOn()
    }
    this.speakAsJoiner()
  }

  private onProposeAsJoiner({ sender, view }: Envelope, propose: Extract<Message, { kind: 'propose' }>): void {
    if (this.joining?.view.number !== view) return
    if (!propose.proposal.members.some(({ incarnation }) => incarnation === this.self.incarnation)) return
    const answer = this.joining.onPropose(sender.incarnation, propose.ballot, propose.proposal)
    if (answer) this.send(answer.to, answer.message, view)
    this.speakAsJoiner()
  }

  private onInstallAsJoiner(proposal: Proposal): void {
    const { joining } = this
    if (!joining || joining.view.number !== proposal.view || proposal.view < this.view.number) return
    if (!proposal.members.some(({ incarnation }) => incarnation === this.self.incarnation)) return
    if (!joining.holds(proposal, this.log.position) || this.view.number !== proposal.view) return // The log will tell.
    this.install(proposal, this.view, joining.order)
  }

  // ---- leaving

  private advanceLeave(): void {
    const { leave } = this
    if (!leave || this.role !== 'member') return
    if (!leave.raised && !this.wedged && this.queue.length === 0 && this.order.ownUnstable().slots === 0) {
      leave.raised = true
      this.sendHeader(false)
    }
    if (!leave.raised) return
    const others = this.view.members.filter((_, rank) => rank !== this.rank && !this.connectivity.isLeaving(rank))
    if (others.length === 0) this.exit('left')
  }

  private exit(reason: string): void {
    if (this.role === 'exited') return
    this.role = 'exited'
    this.outputs.push({ type: 'exit', reason })
  }

  // ---- small things

  private send(to: Incarnation | 'everyone', message: Message, view: number = this.speaksIn()): void {
    if (to === this.self.incarnation) return this.dispatchOwn(message)
    this.put(to, message.kind, encode(this.envelope(message, view)))
  }

  private envelope<M extends Message>(message: M, view: number): Envelope<M> {
    const { name, incarnation } = this.self
    const history = message.kind === 'install' ? message.proposal.history : this.historyOf(view)
    return { history, view, sender: { name, incarnation }, message }
  }

  private put(to: Incarnation | 'everyone', kind: Message['kind'], datagram: Uint8Array): void {
    this.counters.sent[kind] = (this.counters.sent[kind] ?? 0) + 1
    this.counters.sentBytes += datagram.length
    this.outputs.push({ type: 'send', to, datagram })
  }

  /** What a coordinator says to itself. */
  private dispatchOwn(message: Message): void {
    if (message.kind === 'accept') this.flush.onAccept(this.self.incarnation, message.ballot, this.time)
  }

  private broadcast(message: Message): void {
    this.lastBroadcastAt = this.time
    this.send('everyone', message)
  }

  private speaksIn(): number {
    return this.role === 'observer' ? 0 : this.view.number
  }

  private historyOf(view: number): number {
    return this.role === 'founding' || (view === 0 && this.role === 'member') ? 0 : this.history
  }

  private drop(reason: string): void {
    this.counters.dropped[reason] = (this.counters.dropped[reason] ?? 0) + 1
  }

  private note(note: Note): void {
    this.outputs.push({ type: 'note', note })
  }

  private noteSeldom(key: string, everyMs: number, note: Note): void {
    if (this.notes.may(key, everyMs, this.time)) this.note(note)
  }
}

function freshIncarnation(random: Random): Incarnation {
  return 1 + Math.floor(random() * (2 ** 48 - 2))
}

function shown<Type extends 'early' | 'retract'>(
  type: Type,
  level: EarlySlot['level'],
  { slot, sender, batch }: Slot,
  { number: view, members }: View,
): EarlySlot & { readonly type: Type } {
  return { type, level, view, slot, sender: members[sender]!, batch }
}
