// One replica, between the group and its clients. What clients ask for is checked and encoded once (`intake.ts`) and
// handed to the group; what the group delivers is applied to the replicated state, and the delivery of a request,
// whichever replica's copy it was, answers whoever waits for it here. The only place where group and state meet.
//
// Everything inside is synchronous and decided by what is handed in: answers are callbacks, time comes from `now`, and
// `tick` lets it pass. Promises begin in `operations.ts`.
//
// A request may fail to get through in two ways, and each has its cure. The state may have moved on between the check
// and the delivery (a new schema): the state refuses it as stale, and it is checked and submitted again. And this
// replica may be put out of the group with requests on their way: it keeps them until it is a member again and has seen
// all that was ordered meanwhile, and submits what is still unanswered again, in the old order, under the old numbers.

import { BrokerCursor, type CursorSource, Waking } from './cursor.ts'
import type { Application } from './driver.ts'
import { EarlySlots } from './early-slots.ts'
import { BrokerError } from './errors.ts'
import { decodeCommand, encodeCommand } from './events/command.ts'
import { patternFault } from './events/patterns.ts'
import { type Applied, State, type StateLimits, type TopicInfo, VIEWS_TOPIC } from './events/state.ts'
import { firstRequest, forEachRequest } from './group/batch.ts'
import type { Instant, MemberStatus, Note, Output, SubmitRefusal, ViewOutput } from './group/port.ts'
import type { Random } from './group/random.ts'
import type { Incarnation, MemberId, View } from './group/view.ts'
import type {
  BlockNotification,
  ClusterStatus,
  Cursor,
  From,
  Limits,
  MemberDescription,
  Notification,
  Order,
  Published,
  PublishRequest,
  SchemaDocument,
  SubscribeOptions,
  TopicDescription,
} from './http/operations.ts'
import { Intake, OWN_ID_MARK, type PutTopicSettings, parseJson, type Schemas } from './intake.ts'
import { type NewRequest, Pending, PendingRequest, type Waiter } from './pending.ts'
import { Progress } from './progress.ts'
import { givenUp, notPrimary, overloaded, refusedByGroup, refusedByState, shown, whyNotPrimary } from './refusals.ts'

/** What happens, for whoever counts it. */
export interface BrokerObserver {
  /** A publish was answered: its events are in the order, safe. `bytes`: of what their publisher gave. */
  published(topic: string, events: number, bytes: number, ms: number, traceId?: string): void
  /** A slot of this replica came back at this level, so many milliseconds after its first request was handed over. */
  ordered(order: Order, ms: number): void
  /** A request was refused, or given up. */
  refused(error: BrokerError): void
  schemaRejected(topic: string): void
  delivered(notifications: readonly (Notification | BlockNotification)[]): void
}

/** Follows single publishes and deliveries, for whoever wants to see each. `tracing.ts` has one. */
export interface BrokerTracer {
  publishing(request: PublishRequest): PublishTrace
  /** A subscriber was handed these. */
  delivered(notifications: readonly (Notification | BlockNotification)[]): void
}

export interface PublishTrace {
  /** Of its trace, if that is kept. */
  readonly id: string | undefined
  /** To the group. */
  handedOver(): void
  ended(error: BrokerError | undefined, published: Published | undefined): void
}

export interface BrokerParts {
  readonly name: string
  readonly limits: Limits
  /** Equal at all replicas. */
  readonly stateLimits: StateLimits
  /** Requests taken and not answered, at most; more are refused as overloaded. */
  readonly pendingRequestsMax: number
  readonly pendingBytesMax: number
  readonly publishTimeoutMs: number
  /** How long requests still wait after this replica was last primary; later they are refused at once. */
  readonly primaryGraceMs: number
  /** Something waits to be safe, and for so long nothing has been: this replica is not ready for more. */
  readonly stalledAfterMs: number
  /** A smaller view takes no publishes. */
  readonly minReplicas: number
  readonly autoTopics: boolean
  readonly submit: (request: Uint8Array) => SubmitRefusal | undefined
  /** Whether the group is to show slots before they are safe; what there is when that begins, before this returns. */
  readonly showEarly: (wanted: boolean) => void
  readonly memberStatus: () => MemberStatus
  /** What the fabric carries in one piece, now. */
  readonly datagramBytesMax: () => number
  readonly now: () => Instant
  /** Milliseconds since 1970, put into commands. */
  readonly wallClock: () => number
  readonly random: Random
  readonly schemas: Schemas
  /** Calls at the end of this turn of the event loop. */
  readonly endOfTurn: (call: () => void) => void
  readonly observe?: BrokerObserver
  /** Undefined: nobody wants to see single requests. */
  readonly tracer?: BrokerTracer | undefined
  /** Connections of clients, for the description of the cluster. */
  readonly clients?: () => number
}

/** Called once, perhaps at once. */
export type Done<T> = (error: BrokerError | undefined, result: T | undefined) => void

/** What its answer needs to know of a publish. */
interface Entered {
  readonly topic: string
  readonly count: number
  /** Of its events, as soon as they are looked at. */
  bytes: number
  readonly ownNumber: boolean
  readonly at: Instant
  readonly trace: PublishTrace | undefined
}

export interface TopicPut {
  readonly created: boolean
  readonly description: TopicDescription
}

/** How often a request is checked and submitted again because the state moved on under it. */
const RETRIES_MAX = 8
/** Retries of one request that wait for its first copy, at most. */
const WAITERS_MAX = 100
/** How much further another replica may be than a primary one: some seconds of events as fast as they can come. */
const PLACES_AHEAD_MAX = 500_000
/** What a waiting request is taken to cost beyond its bytes. */
const REQUEST_OVERHEAD_BYTES = 256
const EXPIRE_EVERY_MS = 100
const CLOCK_EVERY_MS = 1000

export class Broker implements Application {
  readonly pending: Pending
  private readonly parts: BrokerParts
  private readonly intake: Intake
  private readonly openCursors = new Set<BrokerCursor>()
  /** Of them, those below `safe`. */
  private earlyCursors = 0
  /** What is shown now could have been shown before: how long it took says nothing. */
  private beginsEarly = false
  private readonly waking: Waking
  private readonly progress: Progress
  private readonly early = new EarlySlots(() => this.current)
  private current: State
  private readonly cursorSource: CursorSource
  /** Publishes without a publisher's number get these, and changes of topics those. */
  private readonly ownNumbers: Numbers
  private readonly topicNumbers: Numbers
  /** Undefined: as the member says. */
  private incarnation: Incarnation | undefined
  private view: View | undefined
  private isMember = false
  private restored = false
  private exitReason: string | undefined
  /** Why the group does not let this replica in, if it has said so. */
  private keptOut: string | undefined
  /** Of the view: when the first request of a slot was submitted. For who observes. */
  private readonly ownSlots = new Map<number, Instant>()
  /** Some pending request waits to be handed over: those that come later wait behind it. */
  private someWait = false
  private primaryAt: Instant
  private expireAt: Instant
  private clockAt: Instant
  private wokenAt = 0
  private earlyWokenAt = 0
  /** Topics with an age limit: while one of them has events, the group's time must pass. */
  private readonly agedTopics = new Set<string>()

  constructor(parts: BrokerParts) {
    this.parts = parts
    this.pending = new Pending(parts.pendingRequestsMax, parts.pendingBytesMax)
    this.waking = new Waking(parts)
    this.current = new State(parts.stateLimits)
    this.intake = new Intake({
      ...parts,
      state: () => this.current,
      onSchemaRejection: (topic) => parts.observe?.schemaRejected(topic),
    })
    this.cursorSource = {
      state: () => this.current,
      early: this.early,
      wait: (cursor) => this.waking.wait(cursor),
      passed: (cursor) => this.waking.passed(cursor),
      soon: (cursor) => this.waking.soon(cursor),
      forget: (cursor) => {
        this.waking.forget(cursor)
        if (this.openCursors.delete(cursor) && cursor.isEarly && --this.earlyCursors === 0) parts.showEarly(false)
      },
      delivered: (notifications) => {
        parts.observe?.delivered(notifications)
        parts.tracer?.delivered(notifications)
      },
    }
    const life = Math.floor(parts.random() * 2 ** 52).toString(36)
    this.ownNumbers = new Numbers(`${OWN_ID_MARK}${parts.name}.${life}`)
    this.topicNumbers = new Numbers(`${OWN_ID_MARK}${parts.name}.${life}.topics`)
    this.primaryAt = parts.now()
    this.progress = new Progress(this.primaryAt)
    this.expireAt = this.primaryAt
    this.clockAt = this.primaryAt
  }

  get state(): State {
    return this.current
  }

  get limits(): Limits {
    return this.intake.limits
  }

  get cursors(): ReadonlySet<BrokerCursor> {
    return this.openCursors
  }

  // What clients ask for.

  publish(request: PublishRequest, done: Done<Published>): void {
    const { topic, publisher } = request
    const count = request.events.length
    const ownNumber = publisher === undefined
    const trace = this.parts.tracer?.publishing(request)
    const entered: Entered = { topic, count, bytes: 0, ownNumber, at: this.parts.now(), trace }
    const waiter = this.publishWaiter(entered, done)
    this.enter(waiter, () => {
      const bytes = this.intake.checkPublish(request)
      entered.bytes = bytes
      if (!ownNumber && this.joinFirstCopy(publisher.id, publisher.sequence, topic, count, waiter)) return
      this.checkRoom(bytes)
      const id = publisher?.id ?? this.ownNumbers.id
      this.take({
        kind: 'publish',
        topic,
        publisher: id,
        sequence: publisher?.sequence ?? this.ownNumbers.take(count),
        count,
        ownNumber,
        bytes: bytes + REQUEST_OVERHEAD_BYTES,
        deadline: entered.at + this.parts.publishTimeoutMs,
        prepare: this.intake.publish(request, id, ownNumber),
        waiter,
        trace,
      })
    })
  }

  /**
   * By itself: what waits for the answer must not hold on to the request. Closures of one function
   * keep alive whatever any of them names, and thousands of parsed events that are done with would be carried from one
   * collection of garbage to the next.
   */
  private publishWaiter(entered: Entered, done: Done<Published>): Waiter {
    const { trace } = entered
    return this.waiter(trace === undefined ? done : traced(trace, done), (applied): Published => {
      const { topic, count, bytes, ownNumber, at } = entered
      if (applied.verdict === 'applied') {
        this.parts.observe?.published(topic, count, bytes, this.parts.now() - at, trace?.id)
      }
      const { positionKnown } = applied
      return {
        history: this.current.history,
        seq: positionKnown ? applied.seq : 0,
        offset: positionKnown ? applied.offset : 0,
        count,
        // A number given here comes twice only when this replica submits it again; its client has sent it once.
        duplicate: applied.verdict === 'duplicate' && !ownNumber,
        positionKnown,
      }
    })
  }

  putTopic(topic: string, settings: PutTopicSettings, done: Done<TopicPut>): void {
    let known = false
    const waiter = this.waiter(done, () => ({ created: !known, description: this.describeTopic(topic) }))
    this.enter(waiter, () => {
      const { bytes, prepare } = this.intake.putTopic(topic, this.topicNumbers.id, settings, (exists) => {
        known = exists
      })
      this.changeTopic('putTopic', topic, bytes, prepare, waiter)
    })
  }

  deleteTopic(topic: string, done: Done<void>): void {
    const waiter = this.waiter(done, () => undefined)
    this.enter(waiter, () =>
      this.changeTopic('deleteTopic', topic, 0, this.intake.deleteTopic(topic, this.topicNumbers.id), waiter),
    )
  }

  describeTopic(topic: string): TopicDescription {
    return description(this.intake.existing(topic))
  }

  listTopics(): TopicDescription[] {
    return this.current.topics().map(description)
  }

  schema(topic: string, version: number | 'latest'): { version: number; schema: SchemaDocument } {
    const info = this.intake.existing(topic)
    const wanted = version === 'latest' ? info.schemaVersion : version
    const text = this.current.schema(topic, wanted)
    if (text === undefined) {
      const which = version === 'latest' ? 'schema' : `schema version ${version}`
      throw new BrokerError('NOT_FOUND', `Topic ${topic} has no ${which}: ${this.versionsOf(info)}.`)
    }
    return { version: wanted, schema: parseJson(text) as SchemaDocument }
  }

  private versionsOf({ topic, schemaVersion }: TopicInfo): string {
    if (schemaVersion === 0) return 'it is untyped'
    let oldest = schemaVersion
    while (this.current.schema(topic, oldest - 1) !== undefined) oldest--
    return `its versions are ${oldest} to ${schemaVersion}${oldest > 1 ? ', older ones are forgotten' : ''}`
  }

  /** The number that a publisher should use next; undefined: it is not known here. */
  nextSequence(publisher: string): number | undefined {
    return this.current.publisherExpects(publisher)
  }

  subscribe(patterns: readonly string[], from: From, options: SubscribeOptions): Cursor {
    for (const pattern of patterns) {
      const fault = patternFault(pattern)
      if (fault !== undefined) throw new BrokerError('MALFORMED', `${shown(pattern)}: ${fault}.`)
    }
    this.checkPlace(from)
    const cursor = new BrokerCursor(this.cursorSource, patterns, from, options)
    this.openCursors.add(cursor)
    if (cursor.isEarly && ++this.earlyCursors === 1) {
      this.beginsEarly = true
      this.parts.showEarly(true)
      this.beginsEarly = false
    }
    return cursor
  }

  /** A place that is somewhat ahead comes from a replica that is, and is waited for; one far ahead comes from nowhere. */
  private checkPlace(from: From): void {
    const { history, seq } = this.current
    if (from.at !== 'seq' && !(from.at === 'token' && from.history === history)) return
    // Who is outside the group or cut off from it may be any distance behind.
    if (from.seq - seq <= PLACES_AHEAD_MAX || !this.parts.memberStatus().primary) return
    throw new BrokerError(
      'MALFORMED',
      `There is no place ${from.seq}: the order is at ${seq} here, and no replica is ${PLACES_AHEAD_MAX} further.`,
    )
  }

  cluster(): ClusterStatus {
    const status = this.parts.memberStatus()
    const { view, exitReason } = this
    const reason = exitReason === undefined ? this.whyNotPrimary(status) : `it has left the group: ${exitReason}`
    return {
      history: this.current.history,
      view: { number: view?.number ?? 0, members: view?.members.map(memberDescription) ?? [] },
      self: this.parts.name,
      incarnation: incarnationText(status.self.incarnation),
      primary: status.primary && exitReason === undefined,
      state: exitReason !== undefined || status.role === 'exited' ? 'stopped' : status.role,
      ...(reason !== undefined && { reason }),
      seq: this.current.seq,
      digest: this.current.digest,
      clients: this.parts.clients?.() ?? this.openCursors.size,
      suspected: status.suspected,
      wedged: status.wedged,
      position: status.position,
      head: status.head,
    }
  }

  /** How long nothing has become safe here, although something waits for it. */
  get stalledMs(): number {
    this.lookAtProgress(this.parts.memberStatus())
    return this.progress.stalledMs(this.parts.now())
  }

  private lookAtProgress({ position, waiting }: MemberStatus): void {
    this.progress.look(position, waiting || this.pending.size > 0, this.parts.now())
  }

  unready(): string | undefined {
    const { stalledAfterMs, minReplicas } = this.parts
    const { reason } = this.cluster()
    if (reason !== undefined) return reason
    const status = this.parts.memberStatus()
    if (status.leaving) return 'it is leaving the group'
    const members = status.view?.members.length ?? 0
    if (members < minReplicas)
      return `the view has ${members} members, and below minReplicas = ${minReplicas} none is taken`
    const { stalledMs } = this
    if (stalledMs < stalledAfterMs) return undefined
    return `nothing has become safe for ${(stalledMs / 1000).toFixed(1)} s, although something waits for it; look for a member that is behind`
  }

  private whyNotPrimary(status: MemberStatus): string | undefined {
    const why = whyNotPrimary(status)
    return why === undefined || this.keptOut === undefined ? why : `${why}; it is kept out: ${this.keptOut}`
  }

  // What the group says.

  output(output: Exclude<Output, { type: 'send' | 'takeSnapshot' }>): void {
    switch (output.type) {
      case 'deliver':
        this.onDeliver(output)
        break
      case 'view':
        this.onView(output)
        break
      case 'restore':
        this.onRestore(output.view, output.state)
        break
      case 'reincarnated':
        this.onReincarnated(output.incarnation)
        break
      case 'unsent':
        this.onUnsent(output.requests, output.why)
        break
      case 'exit':
        this.onExit(output.reason)
        break
      case 'early':
        if (!this.beginsEarly) this.observeOrder(output.level, output)
        this.early.show(output)
        break
      case 'retract':
        this.early.takeBack(output)
        break
      case 'note':
        this.onNote(output.note)
        break
      default:
        output satisfies never
    }
  }

  snapshot(): Uint8Array[] {
    return this.current.snapshot()
  }

  digest(): number {
    return this.current.checksum
  }

  /** What goes again goes here, and readers are woken from here on: once for all that a turn has delivered. */
  turnEnded(): void {
    if (this.someWait && this.isMember) this.handOverWaiting()
    const { seq } = this.current
    const { changes } = this.early
    if (seq !== this.wokenAt) this.waking.grown(seq)
    else if (changes !== this.earlyWokenAt) this.waking.grownEarly()
    this.wokenAt = seq
    this.earlyWokenAt = changes
  }

  /** To be called about as often as the group's tick. */
  tick(): void {
    if (this.exitReason !== undefined) return
    const now = this.parts.now()
    const status = this.parts.memberStatus()
    if (status.primary) this.primaryAt = now
    this.lookAtProgress(status)
    if (now >= this.expireAt) {
      this.expireAt = now + EXPIRE_EVERY_MS
      this.expire(now)
    }
    if (now >= this.clockAt) {
      this.clockAt = now + CLOCK_EVERY_MS
      if (status.primary && status.rank === 0 && this.somethingAges()) this.submitClock()
    }
  }

  private onDeliver(output: Extract<Output, { type: 'deliver' }>): void {
    this.observeOrder('safe', output)
    const shown = this.early.deliver(output)
    forEachRequest(output.batch, (command) => {
      const applied = this.current.apply(command)
      this.early.apply(shown, applied, command)
      this.onApplied(applied, output.sender)
    })
  }

  private observeOrder(
    order: Order,
    { sender, slot, batch }: { readonly sender: MemberId; readonly slot: number; readonly batch: Uint8Array },
  ): void {
    const { observe, now } = this.parts
    if (observe === undefined || sender.incarnation !== this.incarnation) return
    const at = this.ownSlots.get(slot) ?? this.submittedAt(firstRequest(batch))
    if (at === undefined) return
    if (order === 'safe') this.ownSlots.delete(slot)
    else this.ownSlots.set(slot, at)
    observe.ordered(order, now() - at)
  }

  private submittedAt(command: Uint8Array): Instant | undefined {
    const { publisher, sequence } = decodeCommand(command)
    return this.pending.get(publisher, sequence)?.submittedAt
  }

  private onApplied(applied: Applied, sender: MemberId): void {
    if (applied.verdict === 'applied') {
      this.noteAge(applied)
      this.waking.grew(applied.topic)
    }
    const pending = this.pending.get(applied.publisher, applied.sequence)
    if (pending === undefined) return
    const ownCopy = pending.submittedAs === sender.incarnation
    if (applied.verdict === 'refused') {
      // Somebody else's copy that was refused says nothing of ours, which may have been made against a newer state.
      if (ownCopy) this.onRefused(pending, applied)
      return
    }
    if (!pending.answeredBy(applied)) return
    if (applied.verdict === 'duplicate' && pending.request.ownNumber && !applied.positionKnown) {
      // Its number has been passed: by its first copy, or by a later request after its first copy was refused.
      const why = 'the group went on without this replica for so long that it does not know any more what became of it'
      this.settle(pending, givenUp(true, why))
    } else this.settle(pending, undefined, ownCopy ? applied : repeated(applied))
  }

  private onRefused(pending: PendingRequest, applied: Applied): void {
    const { publisher, ownNumber } = pending.request
    const stale =
      applied.code === 'stale-schema' ||
      applied.code === 'stale-topic' ||
      // An earlier request of the publisher was stale: it goes again, and this one after it.
      (applied.code === 'sequence' && !ownNumber && this.pending.hasEarlier(publisher, pending.sequence))
    if (!stale || pending.retries >= RETRIES_MAX) {
      this.settle(pending, refusedByState(applied))
      return
    }
    pending.retries++
    pending.stale = true
    pending.waits = true
    pending.maybeOrdered = false
    pending.hasFormerCopy = false
    this.someWait = true
    // A later number of this replica may be taken by now, and then the old one would read as a duplicate.
    if (ownNumber) this.pending.renumber(pending, this.numbersOf(publisher).take(pending.request.count))
  }

  private onView(output: ViewOutput): void {
    const { view } = output
    this.ownSlots.clear()
    if (this.current.history === '') {
      this.current.begin(historyText(view.history))
      this.waking.grewAnyhow()
    }
    this.view = view
    this.current.applyView({
      number: view.number,
      members: view.members.map(memberDescription),
      joined: output.joined.map(nameOf),
      left: output.left.map(nameOf),
      failed: output.failed.map(nameOf),
    })
    this.waking.grew(VIEWS_TOPIC)
    if (!output.member || this.isMember) return
    this.isMember = true
    this.keptOut = undefined
    // Whatever was ordered of the requests of a former life came before this view. What was not seen by now is not in
    // the order, unless a snapshot has jumped over it: then the state knows, when it comes again.
    for (const pending of this.pending) {
      pending.maybeOrdered &&= this.restored
      pending.hasFormerCopy = pending.maybeOrdered
    }
    this.restored = false
  }

  private onRestore(view: View, bytes: Uint8Array): void {
    this.current = State.restore(bytes, this.parts.stateLimits)
    this.waking.grewAnyhow()
    this.view = view
    this.restored = true
    this.agedTopics.clear()
    for (const info of this.current.topics()) if (info.retention.ageMs > 0) this.agedTopics.add(info.topic)
  }

  private onReincarnated(incarnation: Incarnation): void {
    this.incarnation = incarnation
    this.isMember = false
    for (const pending of this.pending) pending.waits = true
    this.someWait = this.pending.size > 0
  }

  private onNote(note: Note): void {
    // A member need not care for a namesake: that one never gets in.
    if (this.isMember) return
    if (note.type === 'refused') this.keptOut = note.why
    else if (note.type === 'namesake') this.keptOut = `another process has its name, ${note.member.name}`
  }

  private onUnsent(commands: readonly Uint8Array[], why: SubmitRefusal): void {
    for (const command of commands) {
      const { publisher, sequence } = decodeCommand(command)
      const pending = this.pending.get(publisher, sequence)
      if (pending !== undefined) this.refuse(pending, refusedByGroup(why))
    }
  }

  private onExit(reason: string): void {
    this.exitReason = reason
    this.isMember = false
    for (const pending of this.pending) {
      this.settle(pending, givenUp(pending.maybeOrdered, `this replica has left the group (${reason})`))
    }
  }

  // The way of a request.

  /** Refusals reach the client in the same way, whether they are found at once or later. */
  private enter(waiter: Waiter, act: () => void): void {
    try {
      act()
    } catch (error) {
      waiter(refusalOf(error), undefined)
    }
  }

  private waiter<T>(done: Done<T>, result: (applied: Applied) => T): Waiter {
    return (error, applied) => {
      if (error !== undefined) this.parts.observe?.refused(error)
      if (error !== undefined) done(error, undefined)
      else done(undefined, result(applied!))
    }
  }

  private changeTopic(
    kind: 'putTopic' | 'deleteTopic',
    topic: string,
    bytes: number,
    prepare: NewRequest['prepare'],
    waiter: Waiter,
  ): void {
    this.checkRoom(bytes)
    this.take({
      kind,
      topic,
      publisher: this.topicNumbers.id,
      sequence: this.topicNumbers.take(1),
      count: 1,
      ownNumber: true,
      bytes: bytes + REQUEST_OVERHEAD_BYTES,
      deadline: this.parts.now() + this.parts.publishTimeoutMs,
      prepare,
      waiter,
    })
  }

  /** Whether a request can be taken at all now. */
  private checkRoom(bytes: number): void {
    if (this.exitReason !== undefined) throw refusedByGroup('leaving')
    const now = this.parts.now()
    if (now - this.primaryAt > this.parts.primaryGraceMs) {
      // A process that was paused has not ticked since.
      const status = this.parts.memberStatus()
      if (!status.primary) throw notPrimary(status)
      this.primaryAt = now
    }
    if (this.pending.hasRoomFor(bytes + REQUEST_OVERHEAD_BYTES)) return
    const { pendingRequestsMax, pendingBytesMax } = this.parts
    throw overloaded(
      `${this.pending.size} requests of ${this.pending.bytes} bytes wait here for the group already; the limits are ` +
        `pendingRequestsMax = ${pendingRequestsMax} and pendingBytesMax = ${pendingBytesMax}.`,
    )
  }

  /** A retry that meets its own first copy still on its way waits for it, and is not sent again. */
  private joinFirstCopy(id: string, sequence: number, topic: string, count: number, waiter: Waiter): boolean {
    const first = this.pending.get(id, sequence)
    if (first === undefined) return false
    if (!first.answeredBy({ kind: 'publish', topic, count })) {
      throw new BrokerError(
        'CONFLICT',
        `Publisher ${shown(id)} has another request under sequence ${sequence} on its way: a retry repeats it whole.`,
        { outcome: 'not-published' },
      )
    }
    if (first.waiters.length >= WAITERS_MAX) throw overloaded('This request was repeated too often while on its way.')
    first.waiters.push(waiter)
    return true
  }

  /** Remembers the request and hands it to the group, or lets it wait. */
  private take(request: NewRequest): void {
    const pending = new PendingRequest(request)
    // The state of a replica that is no member is behind, and nothing can be checked against it before it is one again.
    if (this.isMember) pending.prepare()
    this.pending.add(pending)
    if (!this.isMember || this.someWait) this.someWait = true
    else {
      const refused = this.handOver(pending)
      if (refused === 'not-member') this.someWait = true
      else if (refused !== undefined) {
        this.pending.remove(pending)
        throw refusedByGroup(refused)
      }
    }
  }

  private handOver(pending: PendingRequest): SubmitRefusal | undefined {
    const refused = this.parts.submit(pending.prepare())
    if (refused !== undefined) return refused
    pending.waits = false
    pending.maybeOrdered = true
    pending.submittedAs = this.incarnation ??= this.parts.memberStatus().self.incarnation
    pending.submittedAt = this.parts.now()
    pending.request.trace?.handedOver()
    return undefined
  }

  /** Hands over what waits, oldest first, until the group takes no more; the rest goes in a later turn. */
  private handOverWaiting(): void {
    for (const pending of this.pending) {
      if (!pending.waits) continue
      try {
        const refused = this.handOver(pending)
        if (refused === 'overloaded' || refused === 'not-member') return
        if (refused !== undefined) this.refuse(pending, refusedByGroup(refused))
      } catch (error) {
        this.refuse(pending, refusalOf(error))
      }
    }
    this.someWait = false
  }

  /** This copy is not sent; a former one may still be in the order. */
  private refuse(pending: PendingRequest, error: BrokerError): void {
    this.settle(pending, pending.hasFormerCopy ? givenUp(true, error.message) : error)
  }

  private settle(pending: PendingRequest, error: BrokerError | undefined, applied?: Applied): void {
    // Only one is told that it was the first: each of the others may have sent something else under the same number.
    const [first, ...retries] = pending.waiters
    if (!this.pending.remove(pending)) return
    first?.(error, applied)
    for (const waiter of retries) waiter(error, applied && repeated(applied))
  }

  private expire(now: Instant): void {
    const why = `it was not safe within publishTimeoutMs = ${this.parts.publishTimeoutMs}`
    for (const pending of this.pending) {
      if (now >= pending.request.deadline) this.settle(pending, givenUp(pending.maybeOrdered, why))
    }
  }

  private numbersOf(publisher: string): Numbers {
    return publisher === this.topicNumbers.id ? this.topicNumbers : this.ownNumbers
  }

  // Ages.

  private noteAge({ kind, topic }: Applied): void {
    if (kind !== 'putTopic' && kind !== 'deleteTopic') return
    if ((this.current.topic(topic)?.retention.ageMs ?? 0) > 0) this.agedTopics.add(topic)
    else this.agedTopics.delete(topic)
  }

  private somethingAges(): boolean {
    for (const topic of this.agedTopics) if ((this.current.topic(topic)?.events ?? 0) > 0) return true
    return false
  }

  /** Nobody waits for it, and one that is lost is followed by another. */
  private submitClock(): void {
    this.parts.submit(encodeCommand({ kind: 'clock', time: this.parts.wallClock(), publisher: '', sequence: 0 }))
  }
}

/** The numbers of a publisher whose id a replica gives, for one life of its process. */
class Numbers {
  readonly id: string
  private next = 1

  constructor(id: string) {
    this.id = id
  }

  take(count: number): number {
    const first = this.next
    this.next += count
    return first
  }
}

function traced(trace: PublishTrace, done: Done<Published>): Done<Published> {
  return (error, published) => {
    trace.ended(error, published)
    done(error, published)
  }
}

/** As positions and views name the life of the group. */
export function historyText(history: number): string {
  return history.toString(16).padStart(14, '0')
}

/** As clients see it. */
export function memberDescription({ name, incarnation, url }: MemberId, rank: number): MemberDescription {
  return { name, incarnation: incarnationText(incarnation), url, rank }
}

/** As clients see it. */
export function incarnationText(incarnation: Incarnation): string {
  return incarnation.toString(36)
}

const nameOf = (member: MemberId): string => member.name

/** As a copy of the request sees it that was not the one to be applied. */
const repeated = (applied: Applied): Applied => ({ ...applied, verdict: 'duplicate' })

function description({ revision: _revision, life: _life, ...shown }: TopicInfo): TopicDescription {
  return shown
}

/** Anything else is a bug, and goes on its way. */
function refusalOf(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error
  throw error
}
