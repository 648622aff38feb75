// A small language for directed scenarios: hosts by name, links and kinds of messages cut at given moments, time that
// runs until a condition holds. Nothing happens by chance but the order within fractions of a millisecond. Every script
// ends in `finish`, with the judgement of all checkers.

import type { Message } from '../../broker/group/message.ts'
import type { GroupSettings } from '../../broker/group/settings.ts'
import { CALM, type Letter } from './fabric.ts'
import type { Checker } from './observation.ts'
import type { SimulatedProcess } from './process.ts'
import type { TraceLevel } from './trace.ts'
import { type Failure, World } from './world.ts'

export interface ScriptOptions {
  readonly trace?: TraceLevel
  readonly print?: (line: string) => void
}

export interface ScriptSetup {
  readonly roster: readonly string[]
  /** Hosts that are not in the roster; a name may come again, for a namesake. */
  readonly others?: readonly string[]
  readonly settings?: Partial<GroupSettings>
  readonly datagramBytesMax?: number
  /** Instead of all: none where the script itself breaks a guarantee. */
  readonly checkers?: Checker[]
}

export interface DropRule {
  readonly kinds?: readonly Message['kind'][]
  readonly from?: readonly string[]
  readonly to?: readonly string[]
}

/** Ends a script whose expectation did not come true; the world has the failure. */
class Over extends Error {}

export class Script {
  /** Loads stop: what is left is to deliver everything and fall silent. */
  finishing = false
  readonly world: World
  /** Events published and confirmed, by the name of the host. */
  readonly published: Map<string, number> = new Map()
  readonly confirmed: Map<string, number> = new Map()
  private readonly rules = new Set<DropRule>()
  private readonly watchers: ((letter: Letter, from: SimulatedProcess) => void)[] = []
  private readonly sequences = new Map<string, number>()

  constructor(options: ScriptOptions, setup: ScriptSetup) {
    // It decides when within 10 ms each process has its ticks; c3 needs b's before c's.
    this.world = new World({ seed: 7, ...options, ...setup })
    for (const name of [...setup.roster, ...(setup.others ?? [])]) this.world.addHost(name)
    this.world.network.weather = { ...CALM, delaySpread: 0 }
    this.world.network.pass = (letter, to) => {
      const kind = letter.envelope?.message.kind
      for (const { kinds, from, to: receivers } of this.rules)
        if (
          (kinds === undefined || (kind !== undefined && kinds.includes(kind))) &&
          (from === undefined || from.includes(letter.from.name)) &&
          (receivers === undefined || receivers.includes(to.name))
        )
          return false
      return true
    }
    this.world.onSend = (letter, process) => {
      for (const watcher of [...this.watchers]) watcher(letter, process)
    }
  }

  /** The processes of the roster start together and form the first view. */
  form(): void {
    for (const name of this.world.roster) this.start(name)
    this.until('the roster forms the first view', () => this.world.settled(), 3000)
  }

  start(name: string): SimulatedProcess {
    const host = this.world.hosts.find((one) => one.name === name && !one.process?.open)
    if (host === undefined) throw new Error(`no host called ${name} is free`)
    return this.world.start(host)
  }

  process(name: string): SimulatedProcess {
    return this.world.process(name)
  }

  kill(name: string): void {
    this.world.kill(this.process(name))
  }

  pause(name: string, ms: number): void {
    this.world.pause(this.process(name), ms)
  }

  leave(name: string): void {
    this.world.say(`${name} is asked to leave`)
    this.process(name).leave()
  }

  /** Events of a publisher at this replica, one at a time; one that its replica does not take counts as not published. */
  publish(name: string, events = 1, padding = 20): number {
    const process = this.process(name)
    let taken = 0
    for (let i = 0; i < events; i++) {
      const sequence = (this.sequences.get(process.id) ?? 0) + 1
      const id = 1000 * process.host + Number(process.id.split('#')[1])
      const answered = (confirmed: boolean): void => {
        if (confirmed) add(this.confirmed, name)
      }
      if (!this.world.replica(process).publish(id, sequence, padding, answered)) continue
      this.sequences.set(process.id, sequence)
      add(this.published, name)
      taken++
    }
    return taken
  }

  confirmedOf(name: string): number {
    return this.confirmed.get(name) ?? 0
  }

  /** Publishes at a replica and waits until the event is in. */
  publishAndConfirm(name: string, ms: number, events = 1): number {
    const before = this.confirmedOf(name)
    const began = this.world.now
    this.expect(`${name} takes ${events} events`, this.publish(name, events) === events)
    this.until(`events published at ${name} are confirmed`, () => this.confirmedOf(name) >= before + events, ms)
    return this.world.now - began
  }

  cut(from: string, to: string): void {
    this.world.say(`${from} -> ${to} is cut`)
    this.world.network.cut(this.world.host(from).index, this.world.host(to).index)
  }

  mend(from: string, to: string): void {
    this.world.say(`${from} -> ${to} is mended`)
    this.world.network.mend(this.world.host(from).index, this.world.host(to).index)
  }

  /** No datagram passes between the sides. */
  partition(...sides: readonly (readonly string[])[]): void {
    this.world.say(`partition ${sides.map((side) => `{${side.join(' ')}}`).join(' | ')}`)
    for (const side of sides)
      for (const other of sides)
        if (side !== other)
          for (const from of side)
            for (const to of other) this.world.network.cut(this.world.host(from).index, this.world.host(to).index)
  }

  mendAll(): void {
    this.world.say('all links are mended')
    this.world.network.mendAll()
  }

  /** Loses what the rule describes until the returned function is called. */
  drop(rule: DropRule): () => void {
    this.rules.add(rule)
    return () => this.rules.delete(rule)
  }

  /** Acts at the first datagram of a kind that a host is about to send, before it leaves. */
  at(
    kind: Message['kind'],
    from: string | undefined,
    act: (letter: Letter) => void,
    when?: (letter: Letter) => boolean,
  ): void {
    const watcher = (letter: Letter, process: SimulatedProcess): void => {
      if (letter.envelope?.message.kind !== kind || (from !== undefined && process.name !== from)) return
      if (when !== undefined && !when(letter)) return
      this.watchers.splice(this.watchers.indexOf(watcher), 1)
      this.world.say(`script: ${process.id} sends ${kind}`)
      act(letter)
    }
    this.watchers.push(watcher)
  }

  /** Looks at every datagram that is sent. */
  watch(watcher: (letter: Letter, from: SimulatedProcess) => void): void {
    this.watchers.push(watcher)
  }

  run(ms: number): void {
    this.world.run(ms)
    this.stopIfFailed()
  }

  /** Lets time pass until the condition holds, and fails with these words if it does not in that time. */
  until(what: string, condition: () => boolean, ms: number): void {
    const held = this.world.runUntil(condition, ms, 1)
    this.stopIfFailed()
    if (!held) this.expect(`within ${ms} ms: ${what}`, false)
  }

  expect(what: string, holds: boolean): void {
    if (!holds) this.world.fail('SCRIPT', `expected ${what}; ${this.world.summary().join('; ')}`)
    this.stopIfFailed()
  }

  viewOf(name: string): number {
    return this.process(name).view?.number ?? 0
  }

  /** The names of the members of the view that this replica is a member of. */
  membersAt(name: string): string {
    const process = this.process(name)
    return process.isMember ? (process.view?.members.map((member) => member.name).join(' ') ?? '') : ''
  }

  /** All that live are in one view of these members and at one place in the order. */
  goOn(names: string): boolean {
    return names.split(' ').every((name) => this.membersAt(name) === names)
  }

  /** Everything heals, everybody alive comes together, everything submitted is delivered, and the group falls silent. */
  finish(): void {
    const { world } = this
    this.finishing = true
    world.network.mendAll()
    this.rules.clear()
    const well = (): boolean => world.settled() && world.undelivered().length === 0
    this.until('all that live are in one view, and everything is delivered', well, 30_000)
    this.run(400)
    world.sent = {}
    this.run(500)
    world.ended({ confirmed: new Map(), subscribers: [], complaints: [], idle: { ms: 500, sent: world.sent } })
    this.stopIfFailed()
  }

  private stopIfFailed(): void {
    if (this.world.failure !== undefined) throw new Over()
  }
}

export interface Scenario {
  /** Short, for the command line. */
  readonly name: string
  /** Scenario: outcome. */
  readonly title: string
  run(options: ScriptOptions): Failure | undefined
}

export function scenario(name: string, title: string, setup: ScriptSetup, play: (script: Script) => void): Scenario {
  return {
    name,
    title,
    run: (options) => {
      const script = new Script(options, setup)
      try {
        play(script)
      } catch (error) {
        if (!(error instanceof Over)) throw error
      }
      return script.world.failure
    },
  }
}

function add(to: Map<string, number>, name: string): void {
  to.set(name, (to.get(name) ?? 0) + 1)
}
