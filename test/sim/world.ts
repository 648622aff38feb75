// A simulated world: hosts on a fabric, processes that come and go on them, publishers and subscribers, and the checkers
// that watch. Everything that happens in it follows from a seed, or from a script.

import type { Output } from '../../broker/group/port.ts'
import { DEFAULT_SETTINGS, type GroupSettings } from '../../broker/group/settings.ts'
import type { Incarnation, View } from '../../broker/group/view.ts'
import { Agenda } from './agenda.ts'
import { BrokerReplica } from './broker-replica.ts'
import { allCheckers } from './checkers/all.ts'
import { type Letter, Network } from './fabric.ts'
import { slotsKept } from './leftovers.ts'
import type { Log } from './log-application.ts'
import { LogReplica } from './log-replica.ts'
import type { Checker, Ended, Observation, Token } from './observation.ts'
import { SimulatedProcess } from './process.ts'
import { Quorums } from './quorums.ts'
import { Chance } from './random.ts'
import type { ServingReplica } from './serving.ts'
import { Trace, type TraceLevel } from './trace.ts'
import { type Turn, Turns } from './turns.ts'

export interface WorldOptions {
  readonly seed: number
  readonly roster: readonly string[]
  readonly settings?: Partial<GroupSettings>
  readonly datagramBytesMax?: number
  /** What runs on top of the group: a small log, or the broker. */
  readonly application?: 'log' | 'broker'
  /** How long the broker keeps a request. */
  readonly publishTimeoutMs?: number
  readonly trace?: TraceLevel
  readonly print?: (line: string) => void
  readonly checkers?: Checker[]
  /** A run ends, unjudged from then on, when a second group is founded that cannot know of the first. */
  readonly excusesUnheard?: boolean
}

export interface Failure {
  /** Of the guarantee; BUG for an assertion that failed inside, SCRIPT for a scenario's own expectation. */
  readonly id: string
  readonly text: string
  readonly at: number
  readonly lately: readonly string[]
}

/** A place in the network, and the processes that lived there. */
export interface Host {
  readonly index: number
  readonly name: string
  lives: number
  process: SimulatedProcess | undefined
}

export class World {
  readonly agenda: Agenda = new Agenda()
  readonly chance: Chance
  readonly network: Network
  readonly hosts: Host[] = []
  readonly settings: GroupSettings
  readonly roster: readonly string[]
  readonly turns: Turns = new Turns()
  readonly trace: Trace
  readonly quorums: Quorums
  failure: Failure | undefined
  /** Why it has come to an end, and nothing more is judged. */
  over: string | undefined
  /** Called with every output, after the checkers have seen it. */
  onOutput: ((process: SimulatedProcess, output: Output) => void) | undefined
  onApplied: ((replica: LogReplica, event: { publisher: number; sequence: number }) => void) | undefined
  onDeath: ((process: SimulatedProcess) => void) | undefined
  /** Called with every observation, after the checkers. */
  onObserved: ((observation: Observation) => void) | undefined
  /** Whoever makes faults may act on any datagram, just before it leaves. */
  onSend: ((letter: Letter, process: SimulatedProcess) => void) | undefined
  /** Datagrams sent, by kind, since this was last emptied. */
  sent: Record<string, number> = {}
  observations = 0
  private readonly options: WorldOptions
  private readonly checkers: Checker[]
  private tokens = 0
  /** Requests taken and not yet seen delivered, by the incarnation that took them. */
  private readonly taken = new Map<Token, Incarnation>()

  constructor(options: WorldOptions) {
    this.options = options
    this.chance = new Chance(options.seed)
    this.network = new Network(this.agenda, this.chance.fork('network'), options.datagramBytesMax)
    this.settings = { ...DEFAULT_SETTINGS, ...options.settings }
    this.roster = options.roster
    this.checkers = options.checkers ?? allCheckers()
    this.trace = new Trace(options.trace ?? 'none', options.print ?? (() => {}))
    this.quorums = new Quorums(() => this.processes())
    this.network.onSend = (letter) => this.sending(letter)
    this.network.onArrive = (letter, to) => this.trace.arrived(this.now, letter, to)
  }

  get now(): number {
    return this.agenda.now
  }

  /** Every process that lives, in the order of the hosts. */
  processes(): SimulatedProcess[] {
    const all: SimulatedProcess[] = []
    for (const { process } of this.hosts) if (process?.open) all.push(process)
    return all
  }

  host(name: string): Host {
    const found = this.hosts.find((host) => host.name === name)
    if (found === undefined) throw new Error(`no host is called ${name}`)
    return found
  }

  process(name: string): SimulatedProcess {
    const found = this.host(name).process
    if (found === undefined) throw new Error(`${name} was not started`)
    return found
  }

  replica(process: SimulatedProcess): ServingReplica {
    return process.replica as ServingReplica
  }

  /** The log of a replica that runs one. */
  log(process: SimulatedProcess): Log {
    return (process.replica as LogReplica).log
  }

  addHost(name: string): Host {
    const host: Host = { index: this.hosts.length, name, lives: 0, process: undefined }
    this.hosts.push(host)
    return host
  }

  /** `settings`: if they are not those of the others. */
  start(host: Host, settings: GroupSettings = this.settings): SimulatedProcess {
    if (host.process?.open) throw new Error(`${host.name} runs already`)
    host.lives++
    // A second host of one name counts its lives from another number, so that ids stay unique.
    const twins = this.hosts.filter((other) => other.name === host.name)
    const life = host.lives * twins.length + twins.indexOf(host)
    this.say(`${host.name} starts, life ${life}`)
    const process = new SimulatedProcess({
      agenda: this.agenda,
      network: this.network,
      chance: this.chance.fork(`${host.name}#${life}`),
      host: host.index,
      name: host.name,
      life,
      settings,
      roster: this.roster,
      replica: (on) => this.newReplica(on),
      observe: (observation) => this.observe(observation),
      onOutput: (on, output) => this.saw(on, output),
      onDeath: (on, how) => this.died(on, how),
      onBug: (on, error) => this.fail('BUG', `${on.id}: ${error instanceof Error ? error.stack : String(error)}`),
    })
    host.process = process
    return process
  }

  kill(process: SimulatedProcess, how = 'killed'): void {
    process.kill(how)
  }

  pause(process: SimulatedProcess, ms: number): void {
    if (!process.open || process.paused) return
    this.say(`${process.id} is paused for ${ms.toFixed(0)} ms`)
    process.pause()
    this.agenda.after(ms, () => process.resume())
  }

  say(text: string): void {
    this.trace.say(this.now, `* ${text}`)
  }

  observe(observation: Observation): void {
    this.observations++
    if (observation.type === 'submitted') this.taken.set(observation.token, observation.incarnation)
    else if (observation.type === 'delivered') for (const token of observation.tokens) this.taken.delete(token)
    else if (observation.type === 'unsent') this.taken.delete(observation.token)
    for (const checker of this.checkers) {
      const broken = checker.see(observation)
      if (broken !== undefined) this.fail(checker.id, `${checker.guarantee}: ${broken}`)
    }
    this.onObserved?.(observation)
  }

  fail(id: string, text: string): void {
    if (this.over === undefined) this.failure ??= { id, text, at: this.now, lately: this.trace.lately() }
  }

  /** Lets time pass. */
  run(ms: number): void {
    const until = this.now + ms
    try {
      while (this.failure === undefined && this.over === undefined && this.agenda.step(until)) {}
    } catch (error) {
      this.fail('BUG', error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
  }

  /** Lets time pass until the condition holds, looked at every so often; whether it came to hold in that time. */
  runUntil(condition: () => boolean, ms: number, every = 5): boolean {
    const until = this.now + ms
    while (this.failure === undefined && this.over === undefined) {
      if (condition()) return true
      if (this.now >= until) return false
      this.run(Math.min(every, until - this.now))
    }
    return false
  }

  /** Requests that were taken by an incarnation that still lives, and not yet delivered. */
  undelivered(): Token[] {
    const living = new Set(this.processes().map((process) => process.incarnation))
    return [...this.taken].filter(([, incarnation]) => living.has(incarnation)).map(([token]) => token)
  }

  /** Everybody alive is in one view with everybody else alive, and at one place in the order. */
  settled(): boolean {
    const processes = this.processes()
    const first = processes[0]
    if (first?.view === undefined || !first.isMember || first.view.members.length !== processes.length) return false
    return processes.every(
      (process) =>
        process.isMember &&
        sameView(process.view, first.view) &&
        process.position === first.position &&
        !process.paused,
    )
  }

  /** The replicas serve subscribers at all levels. */
  get servesEarly(): boolean {
    return this.options.application === 'broker'
  }

  /** What is found at the end, for the checkers. */
  ended(more: Pick<Ended, 'confirmed' | 'subscribers' | 'complaints' | 'idle'>): void {
    this.observe({
      type: 'ended',
      excused: this.quorums.lost !== undefined,
      undelivered: this.undelivered(),
      heartbeatMs: this.settings.heartbeatMs,
      processes: this.processes().map((process) => ({
        process: process.id,
        incarnation: process.incarnation,
        role: process.status().role,
        history: process.view?.history ?? 0,
        view: process.view?.number ?? 0,
        members: process.view?.members.map((member) => member.incarnation) ?? [],
        position: process.position,
        ...(more.idle !== undefined && { slotsKept: slotsKept(process.member) }),
      })),
      ...more,
    })
  }

  /** One line on each process, for a person. */
  summary(): string[] {
    return this.processes().map((process) => {
      const status = process.status()
      const members = status.view?.members.map((member) => member.name).join(' ') ?? ''
      return (
        `${process.id} (${process.incarnation.toString(16)}) ${status.role}${status.wedged ? ' wedged' : ''}` +
        `${process.paused ? ' paused' : ''} view ${status.view?.number ?? '-'} [${members}] position ${status.position} ` +
        `of ${status.head} primary ${status.primary} suspects [${status.suspected.join(' ')}] ` +
        `stalled [${status.stalled.join(' ')}] queue ${status.queueRequests} unstable ${status.unstableSlots}`
      )
    })
  }

  private newReplica(process: SimulatedProcess): ServingReplica {
    const took = (turn: Turn): void => this.turns.took(turn)
    if (this.options.application === 'broker')
      return new BrokerReplica(process, {
        chance: this.chance.fork(`broker ${process.id}`),
        publishTimeoutMs: this.options.publishTimeoutMs ?? 10_000,
        datagramBytesMax: () => this.network.datagramBytesMax,
        now: () => process.now(),
        took,
      })
    return new LogReplica(process, {
      chance: this.chance.fork(`log ${process.id}`),
      nextToken: () => ++this.tokens,
      observe: (observation) => this.observe(observation),
      took,
      onApplied: (replica, event) => this.onApplied?.(replica, event),
    })
  }

  private saw(process: SimulatedProcess, output: Output): void {
    this.turns.output(process, output, this.now)
    if (output.type === 'view') {
      if (output.member && output.view.number === 1) this.founded(output.view)
      const members = output.view.members.map((member) => member.name).join(' ')
      const names = (ids: readonly { name: string }[]): string => ids.map((id) => id.name).join(' ')
      this.trace.say(
        this.now,
        `  ${process.id}: view ${output.view.number} [${members}] at ${output.position}${output.member ? '' : ', as observer'}` +
          ` joined [${names(output.joined)}] left [${names(output.left)}] failed [${names(output.failed)}]`,
      )
    } else if (output.type === 'note') this.trace.say(this.now, `  ${process.id}: ${noteText(output.note)}`)
    else if (output.type === 'deliver')
      this.trace.say(
        this.now,
        `  ${process.id}: deliver ${output.position} (slot ${output.slot} of ${output.sender.name})`,
        'all',
      )
    else if (output.type === 'early' || output.type === 'retract')
      this.trace.say(
        this.now,
        `  ${process.id}: ${output.type === 'early' ? 'show' : 'take back'} slot ${output.slot} of ${output.sender.name}, ${output.level}`,
        output.type === 'early' ? 'all' : 'some',
      )
    else if (output.type === 'reincarnated')
      this.trace.say(this.now, `  ${process.id}: now ${output.incarnation.toString(16)}: ${output.reason}`)
    else if (output.type === 'restore')
      this.trace.say(this.now, `  ${process.id}: restored as of ${output.position} in view ${output.view.number}`)
    else if (output.type === 'exit') this.trace.say(this.now, `  ${process.id}: exit: ${output.reason}`)
    // The process takes note of its view after this; the books are made up when it has.
    if (output.type === 'view') this.agenda.after(0, () => this.quorums.installed(process))
    this.onOutput?.(process, output)
  }

  /**
   * Without a disk, a roster of which every process has started over cannot know of a group that lives on without any of
   * them, unless it hears of it. When that has happened, and nothing reached them, there is nothing to judge any more.
   */
  private founded({ history, members }: View): void {
    if (!this.options.excusesUnheard) return
    const isFounder = (process: SimulatedProcess): boolean =>
      members.some(({ incarnation }) => incarnation === process.incarnation)
    const founders = this.processes().filter(isFounder)
    const others = this.processes().filter((one) => (one.view?.number ?? 0) > 0 && one.view?.history !== history)
    const heard = founders.some(({ heardOf }) => others.some(({ view }) => heardOf.has((view as View).history)))
    if (others.length > 0 && !heard) this.over = 'the whole roster started over, out of hearing of a group that lives'
  }

  private sending(letter: Letter): void {
    const process = letter.from as SimulatedProcess
    this.trace.sent(this.now, letter)
    const kind = letter.envelope?.message.kind ?? 'noise'
    this.sent[kind] = (this.sent[kind] ?? 0) + 1
    this.turns.sent(letter, process, this.now)
    if (letter.envelope?.message.kind === 'propose') this.quorums.proposed(letter.envelope.message.proposal)
    this.onSend?.(letter, process)
  }

  private died(process: SimulatedProcess, how: string): void {
    this.say(`${process.id} dies: ${how}`)
    const catchingUp = new Set<number>()
    for (const other of this.processes()) if (!other.isMember) catchingUp.add(other.incarnation)
    this.turns.died(process, how, this.now, catchingUp)
    this.quorums.judge()
    this.onDeath?.(process)
  }
}

export function sameView(a: View | undefined, b: View | undefined): boolean {
  return a?.history === b?.history && a?.number === b?.number
}

function noteText(note: Extract<Output, { type: 'note' }>['note']): string {
  const { type, ...rest } = note
  const details = Object.entries(rest).map(([key, value]) =>
    typeof value === 'object' ? `${key} ${(value as { name: string }).name}` : `${key} ${value}`,
  )
  return [type, ...details].join(', ')
}
