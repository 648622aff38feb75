// The simulated fabric: every promise that a fabric does not give, it breaks when the weather says so. Bytes cross it,
// copied for each receiver, so nothing is shared between members and the codec is tested on every run.

import type { Fabric } from '../../broker/fabric/fabric.ts'
import { decode } from '../../broker/group/codec.ts'
import type { Envelope } from '../../broker/group/message.ts'
import type { Agenda } from './agenda.ts'
import type { Chance } from './random.ts'

/** What may happen to any datagram. Times in milliseconds. */
export interface Weather {
  /** Probability that a datagram does not come to one receiver. */
  loss: number
  /** Probability that it comes to one receiver twice. */
  duplication: number
  delayMin: number
  /** Spread of the delay, most of it near the minimum. */
  delaySpread: number
  /** Whether a datagram may overtake another of the same sender to the same receiver. */
  reordering: boolean
  /** How many old datagrams come again out of the past, per second. */
  replaysPerSecond: number
}

export const CALM: Readonly<Weather> = Object.freeze({
  loss: 0,
  duplication: 0,
  delayMin: 0.15,
  delaySpread: 0.1,
  reordering: false,
  replaysPerSecond: 0,
})

/** One datagram as everybody outside sees it. */
export interface Letter {
  readonly from: Port
  readonly to: number | 'everyone'
  readonly bytes: Uint8Array
  /** What it says; undefined for what is none of the protocol's. */
  readonly envelope: Envelope | undefined
}

/** Where the fabric meets a process. `host` is a place in the network; a restarted process has its place again. */
export interface Port {
  readonly host: number
  readonly name: string
  readonly address: number
  /** Datagrams come in only while it is open. */
  readonly open: boolean
  arrive(letter: Letter, bytes: Uint8Array): void
  /** A datagram of this process has left. */
  sent(): void
  linkChanged(linked: boolean): void
}

const REPLAY_MEMORY = 400

export class Network {
  weather: Weather = { ...CALM }
  /** Nothing gets through at all. */
  down = false
  readonly ports: (Port | undefined)[] = []
  /** Called with every datagram that is sent, before it leaves; false holds it back from that receiver. */
  pass: ((letter: Letter, to: Port) => boolean) | undefined
  /** How much longer than the weather has it this datagram takes, in ms. */
  slow: ((letter: Letter) => number) | undefined
  /** Called once for every datagram that is sent. */
  onSend: ((letter: Letter) => void) | undefined
  /** Called for every datagram that arrives, before the receiver reads it. */
  onArrive: ((letter: Letter, to: Port) => void) | undefined
  private readonly agenda: Agenda
  private readonly chance: Chance
  private readonly hostsMax: number
  /** Links that are cut, by `from * hostsMax + to`, counted: several faults may cut the same one. */
  private readonly cuts: Int32Array
  private readonly lastArrival: Float64Array
  private readonly unlinked = new Set<number>()
  private readonly past: Letter[] = []

  constructor(agenda: Agenda, chance: Chance, hostsMax = 16) {
    this.agenda = agenda
    this.chance = chance
    this.hostsMax = hostsMax
    this.cuts = new Int32Array(hostsMax * hostsMax)
    this.lastArrival = new Float64Array(hostsMax * hostsMax)
  }

  connect(port: Port): void {
    if (port.host >= this.hostsMax) throw new RangeError(`no more than ${this.hostsMax} hosts`)
    this.ports[port.host] = port
  }

  cut(from: number, to: number): void {
    this.cuts[from * this.hostsMax + to] = this.cutsOf(from, to) + 1
  }

  mend(from: number, to: number): void {
    this.cuts[from * this.hostsMax + to] = Math.max(0, this.cutsOf(from, to) - 1)
  }

  mendAll(): void {
    this.cuts.fill(0)
    this.down = false
    for (const host of [...this.unlinked]) this.link(host, true)
  }

  isCut(from: number, to: number): boolean {
    return this.down || this.cutsOf(from, to) > 0 || this.unlinked.has(from) || this.unlinked.has(to)
  }

  linked(host: number): boolean {
    return !this.unlinked.has(host)
  }

  /** The fabric is gone for one host, and the host is told. */
  link(host: number, linked: boolean): void {
    if (linked) this.unlinked.delete(host)
    else this.unlinked.add(host)
    this.ports[host]?.linkChanged(linked)
  }

  send(from: Port, to: number | 'everyone', datagram: Uint8Array): void {
    const bytes = datagram.slice() // What the sender does with its buffer from now on is its own affair.
    const letter: Letter = { from, to, bytes, envelope: decode(bytes) }
    this.onSend?.(letter)
    if (!from.open) return // Killed in the act.
    this.remember(letter)
    for (const port of this.ports)
      if (port?.open && port !== from && (to === 'everyone' || port.address === to)) this.carry(letter, port)
  }

  /** One of the datagrams of the past comes again, to whoever would be meant by it now. */
  replay(): void {
    if (this.past.length === 0) return
    const letter = this.chance.pick(this.past)
    const others = this.ports.filter((port) => port?.open && port !== letter.from) as Port[]
    if (others.length > 0) this.deliver(letter, this.chance.pick(others), this.chance.between(0, 5))
  }

  /** A datagram comes, now, that somebody has kept. */
  inject(letter: Letter, host: number): void {
    const port = this.ports[host]
    if (port?.open) this.deliver(letter, port, 0)
  }

  private carry(letter: Letter, to: Port): void {
    const { weather, chance } = this
    if (this.isCut(letter.from.host, to.host)) return
    if (this.pass !== undefined && !this.pass(letter, to)) return
    if (weather.loss > 0 && chance.chance(weather.loss)) return
    this.deliver(letter, to, this.delay() + (this.slow?.(letter) ?? 0))
    if (weather.duplication > 0 && chance.chance(weather.duplication)) this.deliver(letter, to, 3 * this.delay())
  }

  private delay(): number {
    const { delayMin, delaySpread } = this.weather
    const random = this.chance.next()
    return delayMin + delaySpread * random * random * random
  }

  private deliver(letter: Letter, to: Port, delay: number): void {
    const link = letter.from.host * this.hostsMax + to.host
    let at = this.agenda.now + delay
    if (!this.weather.reordering) {
      at = Math.max(at, this.lastArrival[link] as number)
      this.lastArrival[link] = at
    }
    this.agenda.at(at, () => {
      // The place may have another process by now: it gets what is meant for everyone, as on a real network.
      const port = this.ports[to.host]
      if (!port?.open || this.down || this.unlinked.has(to.host)) return
      this.onArrive?.(letter, port)
      port.arrive(letter, letter.bytes.slice())
    })
  }

  private remember(letter: Letter): void {
    if (this.weather.replaysPerSecond === 0) return
    if (this.past.length < REPLAY_MEMORY) this.past.push(letter)
    else if (this.chance.chance(0.05)) this.past[this.chance.whole(0, REPLAY_MEMORY - 1)] = letter
  }

  private cutsOf(from: number, to: number): number {
    return this.cuts[from * this.hostsMax + to] as number
  }
}

/** The fabric as one process sees it. */
export class SimulatedFabric implements Fabric {
  readonly datagramBytesMax: number
  private readonly network: Network
  private readonly port: Port
  private readonly setAddress: (incarnation: number) => void
  receive: ((datagram: Uint8Array) => void) | undefined
  changed: ((linked: boolean) => void) | undefined
  private closed = false

  constructor(network: Network, port: Port, datagramBytesMax: number, setAddress: (incarnation: number) => void) {
    this.network = network
    this.port = port
    this.datagramBytesMax = datagramBytesMax
    this.setAddress = setAddress
  }

  get linked(): boolean {
    return this.network.linked(this.port.host)
  }

  send(to: number | 'everyone', datagram: Uint8Array): void {
    if (this.closed || !this.port.open || !this.linked || datagram.length > this.datagramBytesMax) return
    this.network.send(this.port, to, datagram)
    this.port.sent()
  }

  listen(receive: (datagram: Uint8Array) => void, linkChanged: (linked: boolean) => void): void {
    this.receive = receive
    this.changed = linkChanged
  }

  address(incarnation: number): void {
    this.setAddress(incarnation)
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }
}
