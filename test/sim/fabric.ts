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
  /** How many datagrams that no right member sends, per second. */
  noisePerSecond: number
}

export const CALM: Readonly<Weather> = Object.freeze({
  loss: 0,
  duplication: 0,
  delayMin: 0.15,
  delaySpread: 0.1,
  reordering: false,
  replaysPerSecond: 0,
  noisePerSecond: 0,
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

/** Old datagrams that are kept to come again, of traffic and of changes of view each. */
const MEMORY = 400
/** What comes so often that all else would soon be forgotten beside it. */
const TRAFFIC = new Set(['header', 'slot', 'beat', 'ping', 'pong', 'want', 'repair', 'pull', 'log', 'chunk'])
/** A clogged link holds so many datagrams; what comes then is lost. */
const CLOGGED_MAX = 3000

export class Network {
  weather: Weather = { ...CALM }
  /** Nothing gets through at all. */
  down = false
  readonly ports: (Port | undefined)[] = []
  /** What the fabric carries at the moment; a larger datagram is not sent. */
  datagramBytesMax: number
  /** Keeps datagrams, so that they can come again. */
  remembers = false
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
  /** Links that hold back what is sent over them. */
  private readonly clogged = new Map<number, Letter[]>()
  /** Hosts whose links are worse than the weather: what they send and get. */
  private readonly badHosts = new Map<number, { loss: number; delay: number }>()
  private readonly traffic: Letter[] = []
  private readonly changes: Letter[] = []

  constructor(agenda: Agenda, chance: Chance, datagramBytesMax: number = 1024 * 1024, hostsMax: number = 16) {
    this.agenda = agenda
    this.chance = chance
    this.datagramBytesMax = datagramBytesMax
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
    this.badHosts.clear()
    for (const link of [...this.clogged.keys()]) this.unclog(Math.floor(link / this.hostsMax), link % this.hostsMax)
    for (const host of [...this.unlinked]) this.link(host, true)
  }

  isCut(from: number, to: number): boolean {
    return this.down || this.cutsOf(from, to) > 0 || this.unlinked.has(from) || this.unlinked.has(to)
  }

  /** Nothing gets through this link for now, and nothing is lost. */
  clog(from: number, to: number): void {
    const link = from * this.hostsMax + to
    if (!this.clogged.has(link)) this.clogged.set(link, [])
  }

  /** What has gathered comes all at once; answers how much that is. */
  unclog(from: number, to: number): number {
    const link = from * this.hostsMax + to
    const letters = this.clogged.get(link) ?? []
    this.clogged.delete(link)
    const port = this.ports[to]
    if (port === undefined) return 0
    for (const letter of letters) this.deliver(letter, port, this.delay())
    return letters.length
  }

  /** This host's links lose more and are slower than the others; undefined: no longer. */
  trouble(host: number, bad: { loss: number; delay: number } | undefined): void {
    if (bad === undefined) this.badHosts.delete(host)
    else this.badHosts.set(host, bad)
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
    if (this.remembers) this.remember(letter)
    this.sendOut(letter)
  }

  /** A datagram leaves, perhaps long after it was handed over. */
  sendOut(letter: Letter): void {
    const { from, to } = letter
    for (const port of this.ports)
      if (port?.open && port !== from && (to === 'everyone' || port.address === to)) this.carry(letter, port)
  }

  /** A datagram of the past, if there is one that fits. */
  pastLetter(chance: Chance, fits: (letter: Letter) => boolean = () => true): Letter | undefined {
    const from = this.changes.length > 0 && chance.chance(0.6) ? this.changes : this.traffic
    const fitting = from.filter(fits)
    return fitting.length === 0 ? undefined : chance.pick(fitting)
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
    const bad = this.badHosts.get(letter.from.host) ?? this.badHosts.get(to.host)
    if (bad !== undefined && chance.chance(bad.loss)) return
    const clogged = this.clogged.get(letter.from.host * this.hostsMax + to.host)
    if (clogged !== undefined) {
      if (clogged.length < CLOGGED_MAX) clogged.push(letter)
      return
    }
    const slower = (bad === undefined ? 0 : chance.between(0, bad.delay)) + (this.slow?.(letter) ?? 0)
    this.deliver(letter, to, this.delay() + slower)
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
    const traffic = TRAFFIC.has(letter.envelope?.message.kind ?? '')
    const kept = traffic ? this.traffic : this.changes
    if (kept.length < MEMORY) kept.push(letter)
    else if (this.chance.chance(traffic ? 0.05 : 0.3)) kept[this.chance.whole(0, MEMORY - 1)] = letter
  }

  private cutsOf(from: number, to: number): number {
    return this.cuts[from * this.hostsMax + to] as number
  }
}

/** The fabric as one process sees it. */
export class SimulatedFabric implements Fabric {
  private readonly network: Network
  private readonly port: Port
  private readonly setAddress: (incarnation: number) => void
  receive: ((datagram: Uint8Array) => void) | undefined
  changed: ((linked: boolean) => void) | undefined
  private closed = false

  constructor(network: Network, port: Port, setAddress: (incarnation: number) => void) {
    this.network = network
    this.port = port
    this.setAddress = setAddress
  }

  get datagramBytesMax(): number {
    return this.network.datagramBytesMax
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
