// A group without a protocol: one order that the test writes by hand. A replica's submissions wait until the test lets
// them into the order, loses them, or lets them in twice; each replica is shown the order when the test says so.

import { Broker, type BrokerParts, type Done } from '../../broker/broker.ts'
import type { BrokerError } from '../../broker/errors.ts'
import { encodeBatch } from '../../broker/group/batch.ts'
import type { EarlyLevel, MemberStatus, Output, SubmitRefusal } from '../../broker/group/port.ts'
import type { MemberId, View } from '../../broker/group/view.ts'
import type { NewEvent, Notification, PublishRequest } from '../../broker/http/operations.ts'
import { SchemaRegistry } from '../../broker/http/schema-registry.ts'

type Entry =
  | { readonly type: 'batch'; readonly sender: MemberId; readonly requests: readonly Uint8Array[] }
  | {
      readonly type: 'view'
      readonly view: View
      readonly joined: readonly MemberId[]
      readonly failed: readonly MemberId[]
    }

export const HISTORY = 0xabc

export class FakeGroup {
  now = 1000
  wall: number = Date.UTC(2026, 0, 1)
  readonly order: Entry[] = []
  readonly replicas: FakeReplica[] = []
  private view: View = { history: HISTORY, number: 0, members: [] }

  /** Starts replicas of these names, all members of view 1. */
  static of(
    names: readonly string[],
    options: Partial<BrokerParts> = {},
  ): { group: FakeGroup; replicas: FakeReplica[] } {
    const group = new FakeGroup()
    const replicas = names.map((name) => group.add(name, options))
    group.change(replicas)
    group.settle()
    return { group, replicas }
  }

  add(name: string, options: Partial<BrokerParts> = {}): FakeReplica {
    const replica = new FakeReplica(this, name, options)
    this.replicas.push(replica)
    return replica
  }

  /** Orders a view of these. */
  change(members: readonly FakeReplica[]): void {
    const before = this.view.members
    const after = members.map((replica) => replica.self)
    const missing = (some: readonly MemberId[], all: readonly MemberId[]): MemberId[] =>
      some.filter(({ incarnation }) => all.every((other) => other.incarnation !== incarnation))
    this.view = { history: HISTORY, number: this.view.number + 1, members: after }
    this.order.push({ type: 'view', view: this.view, joined: missing(after, before), failed: missing(before, after) })
  }

  /** Lets all submissions into the order, replica by replica, and shows it to all; until nothing moves. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = false
      for (const replica of this.replicas) moved = replica.send() || moved
      for (const replica of this.replicas) if (replica.attached) moved = replica.read() || moved
    }
  }

  /** Lets time pass, with ticks. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 50) {
      this.now += 50
      this.wall += 50
      for (const replica of this.replicas) replica.broker.tick()
    }
  }
}

export class FakeReplica {
  readonly broker: Broker
  readonly name: string
  self: MemberId
  /** Whether `settle` shows it the order. */
  attached = true
  primary = true
  refuses: SubmitRefusal | undefined
  datagramBytesMax: number = 1024 * 1024
  queue: Uint8Array[] = []
  /** All that was ever handed over. */
  submitted = 0
  position = 0
  woken: (() => void)[] = []
  /** Nothing is shown early but by `early`. */
  onShowEarly: (wanted: boolean) => void = () => {}
  readonly group: FakeGroup
  private isMember = false
  private view: View | undefined

  constructor(group: FakeGroup, name: string, options: Partial<BrokerParts>) {
    this.group = group
    this.name = name
    this.self = { name, incarnation: 100 + group.replicas.length, url: `http://${name}` }
    this.broker = new Broker({
      name,
      limits: {
        eventBytesMax: 1000,
        requestBytesMax: 5000,
        requestEventsMax: 100,
        schemaBytesMax: 10_000,
        topicsMax: 100,
        topicNameBytesMax: 255,
        connectionsMax: 10,
        bodiesBytesMax: 1_000_000,
      },
      stateLimits: { topicsMax: 100, publishersMax: 1000, repliesPerPublisher: 16, retainedBytesMax: 1024 * 1024 },
      pendingRequestsMax: 1000,
      pendingBytesMax: 1_000_000,
      publishTimeoutMs: 10_000,
      primaryGraceMs: 2000,
      stalledAfterMs: 4000,
      minReplicas: 1,
      autoTopics: false,
      submit: (request) => this.submit(request),
      showEarly: (wanted) => this.onShowEarly(wanted),
      memberStatus: () => this.status(),
      datagramBytesMax: () => this.datagramBytesMax,
      now: () => group.now,
      wallClock: () => group.wall,
      random: () => 0.5,
      schemas: new SchemaRegistry({ schemaBytesMax: 10_000 }),
      endOfTurn: (call) => this.woken.push(call),
      ...options,
    })
  }

  /** What waits goes into the order as one batch. False: nothing did. */
  send(): boolean {
    if (this.queue.length === 0 || !this.isMember) return false
    this.group.order.push({ type: 'batch', sender: this.self, requests: this.queue })
    this.queue = []
    return true
  }

  /** Shows it the order. False: there was nothing new, and it has nothing to send. */
  read(): boolean {
    const from = this.position
    while (this.position < this.group.order.length)
      this.broker.output(this.outputOf(this.group.order[this.position]!, ++this.position))
    this.turnEnded()
    return this.position > from || (this.isMember && this.queue.length > 0)
  }

  /** It holds this entry of the order, which is not safe yet: shown at a level, or taken back. */
  early(type: 'early' | 'retract', level: EarlyLevel, entry: number): void {
    const output = this.outputOf(this.group.order[entry]!, entry + 1)
    if (output.type !== 'deliver') throw new Error('a view is never shown early')
    const { view, slot, sender, batch } = output
    this.broker.output({ type, level, view, slot, sender, batch })
    this.turnEnded()
  }

  turnEnded(): void {
    this.broker.turnEnded()
    for (const call of this.woken.splice(0)) call()
  }

  /** Puts it out of the group: what waits in its queue is lost, and it has a new incarnation. */
  exclude(): void {
    this.isMember = false
    this.queue = []
    this.self = { ...this.self, incarnation: this.self.incarnation + 1000 }
    this.broker.output({ type: 'reincarnated', incarnation: this.self.incarnation, reason: 'excluded' })
  }

  /** Gives it the state of another one, instead of the order up to there. */
  restoreFrom(donor: FakeReplica): void {
    this.position = donor.position
    this.broker.output({
      type: 'restore',
      position: donor.position,
      view: donor.view!,
      state: Buffer.concat(donor.broker.snapshot()),
    })
  }

  private submit(request: Uint8Array): SubmitRefusal | undefined {
    if (!this.isMember) return 'not-member'
    if (this.refuses !== undefined) return this.refuses
    this.submitted++
    this.queue.push(request)
    return undefined
  }

  private outputOf(entry: Entry, position: number): Extract<Output, { type: 'deliver' | 'view' }> {
    if (entry.type === 'view') {
      const { view, joined, failed } = entry
      this.view = view
      const member = view.members.some(({ incarnation }) => incarnation === this.self.incarnation)
      this.isMember = member
      return { type: 'view', position, view, joined, left: [], failed, member, attempts: 1 }
    }
    const { sender, requests } = entry
    const { batch } = encodeBatch(requests)
    return { type: 'deliver', position, view: this.view!.number, slot: position, sender, batch }
  }

  private status(): MemberStatus {
    return {
      self: this.self,
      role: this.isMember ? 'member' : 'observer',
      view: this.view,
      rank: this.view?.members.findIndex(({ incarnation }) => incarnation === this.self.incarnation) ?? -1,
      wedged: false,
      primary: this.isMember && this.primary,
      position: this.position,
      head: this.group.order.length,
      suspected: [],
      stalled: [],
      waiting: this.queue.length > 0,
      snapshot: { received: 0, total: 0 },
      leaving: false,
      queueRequests: this.queue.length,
      queueBytes: 0,
      unstableSlots: 0,
      windowBytes: 0,
      logEntries: 0,
      logBytes: 0,
      counters: {
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
      },
    }
  }
}

/** The answer to one call, once it is there. */
export class Answer<T> {
  result: T | undefined
  error: BrokerError | undefined
  times = 0

  readonly done: Done<T> = (error, result) => {
    this.times++
    this.error = error
    this.result = result
  }

  /** In short, for comparing: what came, or `CODE outcome`. */
  get text(): string {
    if (this.times === 0) return 'none'
    if (this.times > 1) return `answered ${this.times} times`
    return this.error === undefined ? 'done' : `${this.error.code} ${this.error.details.outcome ?? '-'}`
  }
}

export function asked<T>(call: (done: Done<T>) => void): Answer<T> {
  const answer = new Answer<T>()
  call(answer.done)
  return answer
}

export function event(value: unknown, fields: Partial<NewEvent> = {}): NewEvent {
  return { data: Buffer.from(JSON.stringify(value)), value, ...fields }
}

export function request(
  topic: string,
  values: readonly unknown[],
  publisher?: PublishRequest['publisher'],
): PublishRequest {
  return { topic, events: values.map((value) => event(value)), ...(publisher !== undefined && { publisher }) }
}

/** What a subscriber is shown, in short. */
export function texts(notifications: readonly Notification[]): string[] {
  return notifications.map((one) => {
    if (one.type === 'event') return `${one.event.topic} ${Buffer.from(one.event.data).toString()}`
    if (one.type === 'early') return `early ${one.event.topic} ${Buffer.from(one.event.data).toString()}`
    if (one.type === 'kept') return `kept ${one.numbered.number} at ${one.seq}`
    if (one.type === 'retract') return `retract ${one.numbered.number}`
    if (one.type === 'view') return `view ${one.view.number}`
    return `gap ${one.from}-${one.to} ${one.reason}`
  })
}
