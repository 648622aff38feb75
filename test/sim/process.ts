// One simulated process: an event loop of turns, a clock of its own, and the real driver around a real member. It can be
// paused, slowed down, and killed between any two acts of one step, as a process can.

import { type Application, Driver } from '../../broker/driver.ts'
import { Member } from '../../broker/group/member.ts'
import type { MemberStatus, Output, SubmitRefusal } from '../../broker/group/port.ts'
import type { GroupSettings } from '../../broker/group/settings.ts'
import { rankOf, type View } from '../../broker/group/view.ts'
import type { Agenda } from './agenda.ts'
import { type Letter, type Network, type Port, SimulatedFabric } from './fabric.ts'
import { checksum } from './log-application.ts'
import type { Observation, Token } from './observation.ts'
import type { Chance } from './random.ts'

/** What a process runs on top of the group. */
export interface Replica extends Application {
  /** Which submissions a batch carries. */
  tokensOf(batch: Uint8Array): readonly Token[]
  /** What its state comes to, for a checker. */
  digestText(): string
  /** Called after each tick of the member. */
  tick?(): void
}

export interface ProcessParts {
  readonly agenda: Agenda
  readonly network: Network
  readonly chance: Chance
  readonly host: number
  readonly name: string
  /** How often the host was started, this time included. */
  readonly life: number
  readonly settings: GroupSettings
  readonly roster: readonly string[]
  readonly replica: (process: SimulatedProcess) => Replica
  readonly observe: (observation: Observation) => void
  readonly onOutput: (process: SimulatedProcess, output: Output) => void
  readonly onDeath: (process: SimulatedProcess, how: string) => void
  readonly onBug: (process: SimulatedProcess, error: unknown) => void
}

interface Contents {
  readonly checksum: number
  readonly tokens: readonly Token[]
}

type Waiting = { readonly letter: Letter; readonly bytes: Uint8Array } | { readonly linked: boolean }

/** Datagrams that wait unread, at most: a socket's buffer. */
const INBOX_MAX = 5000

export class SimulatedProcess implements Port {
  readonly id: string
  readonly name: string
  readonly host: number
  readonly member: Member
  readonly driver: Driver
  readonly replica: Replica
  address = 0
  open = true
  paused = false
  /** Asked to leave. */
  leaving = false
  /** The view that it is in, or that an observer's position is in. */
  view: View | undefined
  /** Whether it is a member of `view`. */
  isMember = false
  position = 0
  incarnation: number
  /** Histories of groups of which anything reached it. */
  readonly heardOf: Set<number> = new Set<number>()
  /** What kind of datagram it is reading. */
  reading: string | undefined
  /** How long a turn takes, at most, in milliseconds. */
  turnMs = 0.1
  /** How long the application takes for one delivery, in milliseconds. */
  applyMs = 0
  /** Dies after so many more sends and outputs. */
  actsLeft: number = Number.POSITIVE_INFINITY
  private readonly parts: ProcessParts
  private readonly fabric: SimulatedFabric
  private inbox: Waiting[] = []
  private ends: (() => void)[] = []
  private clockOffset: number
  private turnDue = false
  private tickDue = false
  private inTurn = false
  private freeAt = 0
  private busyMs = 0

  constructor(parts: ProcessParts) {
    this.parts = parts
    this.name = parts.name
    this.host = parts.host
    this.id = `${parts.name}#${parts.life}`
    const { chance } = parts
    // Some clocks have run for a hundred years, and some incarnations are the least or the greatest that there are.
    this.clockOffset = chance.chance(0.1) ? chance.whole(0, 2 ** 42) : chance.whole(0, 1e9)
    const edge = chance.whole(1, 1e6)
    this.incarnation = chance.weighted([
      [chance.whole(1, 2 ** 48 - 1), 8],
      [edge, 1],
      [2 ** 48 - edge, 1],
    ])
    this.fabric = new SimulatedFabric(parts.network, this, (incarnation) => {
      this.address = incarnation
    })
    const { settings, roster, name } = parts
    const options = {
      settings,
      name,
      url: `http://${name}`,
      incarnation: this.incarnation,
      roster,
      random: parts.chance.fork('member').next,
      datagramBytesMax: () => this.fabric.datagramBytesMax,
    }
    this.member = new Member(options, this.now())
    this.replica = parts.replica(this)
    this.driver = new Driver({
      member: this.member,
      fabric: this.fabric,
      application: {
        output: (output) => this.output(output),
        snapshot: () => this.snapshot(),
        digest: () => this.replica.digest(),
        turnEnded: () => this.replica.turnEnded(),
      },
      now: () => this.now(),
      endOfTurn: (call) => this.endOfTurn(call),
    })
    parts.network.connect(this)
    parts.observe({ type: 'started', process: this.id, incarnation: this.incarnation })
    this.scheduleTick(parts.chance.between(0, settings.tickMs))
  }

  /** Calls at the end of this turn of the event loop. */
  endOfTurn(call: () => void): void {
    this.ends.push(call)
    this.wake()
  }

  now(): number {
    return this.parts.agenda.now + this.clockOffset
  }

  status(): MemberStatus {
    return this.member.status()
  }

  submit(request: Uint8Array, token: Token): SubmitRefusal | undefined {
    if (!this.open || this.paused) return 'not-member'
    const refusal = this.driver.submit(request)
    if (refusal === undefined)
      this.parts.observe({ type: 'submitted', process: this.id, incarnation: this.incarnation, token })
    return refusal
  }

  leave(): void {
    this.leaving = true
    this.guarded(() => this.driver.leave())
  }

  hint(incarnation: number): void {
    if (this.open && !this.paused) this.guarded(() => this.driver.hint(incarnation))
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.tickDue = true
    this.wake()
  }

  jumpClock(ms: number): void {
    this.clockOffset += ms
  }

  kill(how: string): void {
    if (!this.open) return
    this.open = false
    this.driver?.stop()
    this.parts.observe({ type: 'died', process: this.id })
    this.parts.onDeath(this, how)
  }

  arrive(letter: Letter, bytes: Uint8Array): void {
    if (this.inbox.length >= INBOX_MAX) return
    this.inbox.push({ letter, bytes })
    this.wake()
  }

  linkChanged(linked: boolean): void {
    this.inbox.push({ linked })
    this.wake()
  }

  private scheduleTick(delay: number): void {
    this.parts.agenda.after(delay, () => {
      if (!this.open) return
      this.tickDue = true
      if (this.paused) return
      if (this.parts.agenda.now >= this.freeAt) this.turn()
      else this.wake()
    })
  }

  private wake(): void {
    if (this.turnDue || this.paused || this.inTurn || !this.open) return
    this.turnDue = true
    const { agenda, chance } = this.parts
    agenda.at(Math.max(agenda.now + chance.next() * this.turnMs, this.freeAt), () => {
      this.turnDue = false
      if (this.open && !this.paused) this.turn()
    })
  }

  private turn(): void {
    const { agenda, chance } = this.parts
    this.inTurn = true
    this.guarded(() => {
      // Timers come before sockets in a turn of the loop, but a late timer may also find the sockets read first.
      const tickFirst = !this.tickDue || chance.chance(0.7)
      if (tickFirst) this.tick()
      const inbox = this.inbox
      this.inbox = []
      for (const waiting of inbox) {
        if (!this.open) return
        if ('linked' in waiting) this.fabric.changed?.(waiting.linked)
        else this.read(waiting.letter, waiting.bytes)
      }
      if (!tickFirst) this.tick()
      for (let calls = this.ends; calls.length > 0 && this.open; calls = this.ends) {
        this.ends = []
        for (const call of calls) call()
      }
    })
    this.inTurn = false
    this.freeAt = agenda.now + chance.next() * this.turnMs + this.busyMs
    this.busyMs = 0
    if (this.inbox.length > 0) this.wake()
  }

  private tick(): void {
    if (!this.tickDue || !this.open) return
    this.tickDue = false
    this.scheduleTick(this.parts.settings.tickMs)
    this.driver.tick()
    if (this.open) this.replica.tick?.()
  }

  private read(letter: Letter, bytes: Uint8Array): void {
    const { view } = this
    const { envelope } = letter
    if (envelope !== undefined && envelope.history !== 0) this.heardOf.add(envelope.history)
    if (view !== undefined && this.isMember && envelope?.history === view.history) {
      const { message } = envelope
      const slots =
        message.kind === 'slot' && envelope.view === view.number
          ? [message.record]
          : message.kind === 'repair' && message.slotsView === view.number
            ? message.records
            : []
      for (const { sender, slot, previousPayload } of slots)
        this.parts.observe({
          type: 'received',
          process: this.id,
          history: view.history,
          view: view.number,
          rank: sender,
          slot,
          previousPayload,
          by: message.kind === 'slot' ? 'slot' : 'repair',
        })
    }
    this.reading = envelope?.message.kind
    this.fabric.receive?.(bytes)
    // A socket's buffer is read into again: of what was kept without copying something else is there now.
    bytes.fill(0xee)
    this.reading = undefined
  }

  sent(): void {
    this.acted()
  }

  private acted(): void {
    if (--this.actsLeft <= 0) this.kill('between two acts of one step')
  }

  /** Looked at each time that it is shown or delivered: its memory must not be another's by then. */
  private contents(batch: Uint8Array): Contents {
    return { checksum: checksum(batch), tokens: this.replica.tokensOf(batch) }
  }

  private snapshot(): readonly Uint8Array[] {
    const state = this.replica.snapshot()
    const bytes = Buffer.concat(state)
    this.parts.observe({
      type: 'snapshot',
      process: this.id,
      history: this.view?.history ?? 0,
      position: this.position,
      bytes: bytes.length,
      checksum: checksum(bytes),
    })
    return state
  }

  private output(output: Exclude<Output, { type: 'send' | 'takeSnapshot' }>): void {
    const { observe, onOutput } = this.parts
    onOutput(this, output)
    switch (output.type) {
      case 'deliver': {
        this.position = output.position
        this.busyMs += this.applyMs
        const view = this.view as View
        observe({
          type: 'delivered',
          process: this.id,
          history: view.history,
          position: output.position,
          view: output.view,
          slot: output.slot,
          sender: output.sender.incarnation,
          rank: rankOf(view, output.sender.incarnation),
          ...this.contents(output.batch),
        })
        break
      }
      case 'early':
      case 'retract': {
        const view = this.view as View
        observe({
          type: output.type,
          process: this.id,
          level: output.level,
          history: view.history,
          view: output.view,
          slot: output.slot,
          rank: rankOf(view, output.sender.incarnation),
          ...this.contents(output.batch),
        })
        break
      }
      case 'view':
        this.position = output.position
        this.view = output.view
        this.isMember = output.member
        observe({
          type: 'view',
          process: this.id,
          incarnation: this.incarnation,
          member: output.member,
          history: output.view.history,
          number: output.view.number,
          position: output.position,
          members: incarnations(output.view.members),
          joined: incarnations(output.joined),
          left: incarnations(output.left),
          failed: incarnations(output.failed),
        })
        break
      case 'restore':
        this.position = output.position
        this.view = output.view
        this.isMember = false
        observe({
          type: 'restored',
          process: this.id,
          history: output.view.history,
          position: output.position,
          view: output.view.number,
          members: incarnations(output.view.members),
        })
        break
      case 'reincarnated':
        this.incarnation = output.incarnation
        this.isMember = false
        observe({ type: 'reincarnated', process: this.id, incarnation: output.incarnation })
        break
      default:
    }
    this.replica.output(output)
    if (output.type === 'deliver' || output.type === 'view' || output.type === 'restore')
      observe({
        type: 'state',
        process: this.id,
        history: this.view?.history ?? 0,
        position: this.position,
        digest: this.replica.digestText(),
      })
    if (output.type === 'exit') this.kill(`exit: ${output.reason}`)
    else if (output.type !== 'note') this.acted()
  }

  /** A bug in the member is a finding, not an accident of the simulator. */
  private guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.parts.onBug(this, error)
    }
  }
}

function incarnations(members: readonly { incarnation: number }[]): number[] {
  return members.map((member) => member.incarnation)
}
