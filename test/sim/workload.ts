// Clients of a simulated group. Publishers number their events, try again elsewhere until they are told that an event
// is in, and some answer each event that they see with one of their own, in the same turn. Subscribers read from a
// replica at a time and move.

import { EARLY_LEVELS } from '../../broker/group/port.ts'
import type { Order } from '../../broker/http/operations.ts'
import type { LogReplica } from './log-replica.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'
import type { EarlyTold, Reader, ReadPlace, SimulatedEvent } from './serving.ts'
import type { Turn } from './turns.ts'
import type { Host, World } from './world.ts'

export interface WorkloadOptions {
  readonly publishers: number
  readonly subscribers: number
  /** Mean time between two events of one publisher, in ms. */
  readonly everyMs: number
  /** Probability that a publisher sends a burst of them instead of one. */
  readonly bursts: number
  readonly burstEvents: number
  /** Most events have up to so many bytes; some have many more, up to the other. */
  readonly bytesMax: number
  readonly largeBytesMax: number
  readonly largeShare: number
  /** Probability that an event is answered by the reacting publisher of a replica that applies it. */
  readonly reactions: number
  /** A publisher waits so long for its answer before it goes elsewhere. */
  readonly patienceMs: number
  /** Mean time between two changes of what publishers rely on, in ms; 0: none. */
  readonly meddlingMs: number
  /** No publisher sends more events than this. */
  readonly eventsMax: number
}

export class Workload {
  readonly publishers: Publisher[] = []
  readonly subscribers: Subscriber[] = []
  private readonly world: World
  private readonly chance: Chance
  private readonly options: WorkloadOptions
  /** By host, the publisher that lives beside its replica. */
  private readonly reactors = new Map<Host, Publisher>()
  /** The group that clients have been answered by: one that follows it when it died altogether is not theirs. */
  private readonly group = { history: 0 }
  private stopped = false
  private quietUntil = 0

  constructor(world: World, options: WorkloadOptions) {
    this.world = world
    this.options = options
    this.chance = world.chance.fork('workload')
    for (let i = 1; i <= options.publishers; i++) {
      const publisher = new Publisher(i, world, this.chance.fork(`publisher ${i}`), options, this.group)
      this.publishers.push(publisher)
      this.world.agenda.after(this.chance.wait(options.everyMs), () => this.publish(publisher))
    }
    for (let i = 1; i <= options.subscribers; i++) {
      const subscriber = new Subscriber(`subscriber ${i}`, world, this.chance.fork(`subscriber ${i}`), this.group)
      this.subscribers.push(subscriber)
      this.read(subscriber)
    }
    for (const order of world.servesEarly ? EARLY_LEVELS : []) {
      const name = `${order} subscriber`
      const subscriber = new Subscriber(name, world, this.chance.fork(name), this.group, order)
      this.subscribers.push(subscriber)
      this.read(subscriber)
    }
    if (options.reactions > 0) this.react()
    if (options.meddlingMs > 0) this.world.agenda.after(this.chance.wait(options.meddlingMs), () => this.meddle())
  }

  confirmed(): Map<string, number> {
    return new Map(this.publishers.map((publisher) => [publisher.name, publisher.confirmed]))
  }

  get outstanding(): number {
    return this.publishers.reduce((sum, publisher) => sum + publisher.outstanding, 0)
  }

  /** Nobody has anything new to say for a while. */
  lull(ms: number): void {
    this.quietUntil = Math.max(this.quietUntil, this.world.now + ms)
  }

  /** No new events, and what was begun is tried again soon: how patient publishers are is no affair of the group. */
  stop(): void {
    this.stopped = true
    for (const publisher of this.publishers) publisher.patienceMs = Math.min(publisher.patienceMs, IMPATIENT_MS)
  }

  /** One more event of each publisher, at a replica that lives. */
  last(): void {
    for (const publisher of this.publishers) publisher.next()
  }

  private publish(publisher: Publisher): void {
    if (this.stopped) return
    this.world.agenda.after(this.chance.wait(this.options.everyMs), () => this.publish(publisher))
    if (this.world.now < this.quietUntil) return
    const burst = this.chance.chance(this.options.bursts) ? this.chance.whole(1, this.options.burstEvents) : 1
    for (let i = 0; i < burst; i++) publisher.next()
  }

  /** However little a subscriber reads at a time. */
  readToTheEnd(): void {
    for (const subscriber of this.subscribers) for (let i = 0; i < 300; i++) subscriber.read()
  }

  private read(subscriber: Subscriber): void {
    subscriber.read()
    this.world.agenda.after(this.chance.between(20, 120), () => this.read(subscriber))
  }

  private meddle(): void {
    if (this.stopped) return
    const processes = this.world.processes().filter((process) => !process.paused)
    if (processes.length > 0) this.world.replica(this.chance.pick(processes)).meddle(this.chance.next())
    this.world.agenda.after(this.chance.wait(this.options.meddlingMs), () => this.meddle())
  }

  private react(): void {
    this.world.onApplied = (replica: LogReplica, event) => {
      const host = this.world.hosts[replica.process.host] as Host
      if (event.publisher < REACTORS_FROM && this.chance.chance(this.options.reactions)) this.nudge(host)
    }
  }

  /** The publisher beside this host's replica says something now, there and nowhere else. */
  nudge(host: Host): void {
    if (this.stopped) return
    let reactor = this.reactors.get(host)
    if (reactor === undefined) {
      const chance = this.chance.fork(`reactor ${host.index}`)
      reactor = new Publisher(REACTORS_FROM + host.index, this.world, chance, this.options, this.group)
      reactor.home = host
      this.reactors.set(host, reactor)
      this.publishers.push(reactor)
    }
    // An effect belongs to where its cause was seen; a reactor that tries elsewhere has other things to do.
    if (reactor.home === host) reactor.next()
    else if (reactor.outstanding === 0) reactor.home = host
  }
}

/** Publishers from this number on live beside a replica. */
const REACTORS_FROM = 100

/** How long a publisher waits when it has nothing else to do. */
const IMPATIENT_MS = 200

/** Events of one publisher that are not yet confirmed, at most. */
const OUTSTANDING_MAX = 200

export class Publisher {
  readonly id: number
  readonly name: string
  home: Host | undefined
  patienceMs: number
  /** The highest sequence number up to which everything is confirmed. */
  confirmed = 0
  private sequence = 0
  private readonly answered = new Set<number>()
  private readonly world: World
  private readonly chance: Chance
  private readonly options: WorkloadOptions
  private readonly group: { history: number }
  private progressAt = 0
  private watching = false

  constructor(id: number, world: World, chance: Chance, options: WorkloadOptions, group: { history: number }) {
    this.group = group
    this.id = id
    this.name = `publisher ${id}`
    this.world = world
    this.chance = chance
    this.options = options
    this.patienceMs = options.patienceMs
  }

  get outstanding(): number {
    return this.sequence - this.confirmed
  }

  next(): void {
    if (this.outstanding >= OUTSTANDING_MAX || this.sequence >= this.options.eventsMax) return
    if (this.outstanding === 0) this.progressAt = this.world.now
    this.sequence++
    this.home ??= this.chance.pick(this.world.hosts)
    // A publisher that is not known yet may begin anywhere: until its first event is in, the others wait.
    if (this.sequence === 1 || this.confirmed > 0) this.send(this.sequence)
    this.watch()
  }

  private send(sequence: number): boolean {
    const process = this.home?.process
    if (!process?.open || process.paused) return false
    const { bytesMax, largeBytesMax, largeShare } = this.options
    const padding = this.chance.chance(largeShare)
      ? this.chance.whole(0, largeBytesMax)
      : this.chance.whole(0, bytesMax)
    const replica = this.world.replica(process)
    return replica.publish(this.id, sequence, padding, (confirmed) => {
      // Told by a replica that it has left since, it takes the answer all the same: it is true.
      if (!confirmed || sequence <= this.confirmed) return
      this.group.history ||= replica.history
      this.progressAt = this.world.now
      this.answered.add(sequence)
      while (this.answered.delete(this.confirmed + 1)) {
        this.confirmed++
        this.world.observe({ type: 'confirmed', publisher: this.name, sequence: this.confirmed })
      }
    })
  }

  /** As long as something is not answered: try again, and go elsewhere when it takes too long. */
  private watch(): void {
    if (this.watching) return
    this.watching = true
    this.world.agenda.after(this.patienceMs * this.chance.between(0.5, 1.5), () => {
      this.watching = false
      if (this.outstanding === 0) return
      if (this.world.now - this.progressAt >= this.patienceMs) {
        const living = this.world.hosts.filter((host) => host.process?.open)
        if (living.length > 0) this.home = this.chance.pick(living)
        this.progressAt = this.world.now
      }
      // In order, and nothing after one that is not taken: the log takes no number out of turn.
      for (let sequence = this.confirmed + 1; sequence <= this.sequence; sequence++)
        if (!this.answered.has(sequence) && (!this.send(sequence) || sequence === 1)) break
      this.watch()
    })
  }
}

const TOLD = {
  early: 'subscriber shown an event before its place',
  kept: 'subscriber told that it is kept',
  retract: 'subscriber told that it is taken back',
} as const satisfies Record<EarlyTold['told'], Turn>

class Subscriber {
  readonly name: string
  private readonly world: World
  private readonly chance: Chance
  private home: Host | undefined
  private connection: { readonly process: SimulatedProcess; readonly reader: Reader } | undefined
  /** Its resume token. */
  private at: ReadPlace | undefined
  private readonly group: { history: number }
  private readonly order: Order
  /** Shown, and neither kept nor taken back. */
  private shown: SimulatedEvent[] = []

  constructor(name: string, world: World, chance: Chance, group: { history: number }, order: Order = 'safe') {
    this.group = group
    this.order = order
    this.name = name
    this.world = world
    this.chance = chance
  }

  read(): void {
    if (!this.home?.process?.open || this.chance.chance(0.1)) this.home = this.chance.pick(this.world.hosts)
    const { process } = this.home
    if (!process?.open || process.paused) return
    const replica = this.world.replica(process)
    const { history } = replica
    // In another history its place means nothing; only a group that died altogether is followed by another.
    if (history === 0 || (this.at !== undefined && this.at.history !== history)) return
    if (this.group.history !== 0 && this.group.history !== history) return
    if (this.connection?.process !== process) {
      this.connection?.reader.close()
      // What was shown is void with the connection: it comes again, or never.
      for (const event of this.shown.splice(0)) this.tell({ ...event, told: 'retract' })
      this.connection = { process, reader: replica.subscribe(this.at, this.order) }
    }
    const { reader } = this.connection
    for (const event of reader.read(this.chance.whole(1, 200)))
      if (typeof event === 'string') this.world.observe({ type: 'gap', subscriber: this.name, told: event })
      else {
        if ('told' in event) this.world.turns.took(TOLD[event.told])
        this.tell(event)
      }
    this.at = { history, place: reader.place }
  }

  private tell(event: SimulatedEvent | EarlyTold): void {
    const { name: subscriber, order } = this
    const { sequence, place } = event
    const publisher = `publisher ${event.publisher}`
    const told = 'told' in event ? event.told : undefined
    if (told === 'early') this.shown.push(event)
    else this.shown = this.shown.filter((one) => one.publisher !== event.publisher || one.sequence !== sequence)
    if (told === 'early' || told === 'retract') {
      if (order === 'safe') throw new Error('shown early, at safe')
      const type = told === 'early' ? 'shown' : 'takenBack'
      this.world.observe({ type, subscriber, order, publisher, sequence })
    } else this.world.observe({ type: 'notified', subscriber, publisher, sequence, place, kept: told === 'kept' })
  }
}
