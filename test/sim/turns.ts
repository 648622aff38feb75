// Counts the rare turns that runs take: a turn that no run takes is a test that we don't have.

import type { ChunkMessage, Message } from '../../broker/group/message.ts'
import type { Output } from '../../broker/group/port.ts'
import type { View } from '../../broker/group/view.ts'
import type { Letter } from './fabric.ts'
import type { SimulatedProcess } from './process.ts'

export const TURNS = [
  'view installed',
  'coordinator lost after propose and before install',
  'coordinator lost after its first install',
  'coordinator lost while collecting',
  'donor lost in transfer',
  'joiner lost after cut',
  'join during flush',
  'join and failure in one change',
  'join and leave in one change',
  'two changes in a row',
  'false suspicion withdrawn',
  'minority healed',
  'same view after an outage',
  'first start',
  'second incarnation of one process',
  'proposal adopted',
  'collect refused',
  'change given up',
  'repair answered',
  'repair of the view before',
  'restored from a snapshot',
  'caught up from the log',
  'joiner not ready',
  'joiner refused',
  'namesake met',
  'told to catch up: missed',
  'told to be out: out',
  'stalled member found',
  'probe failed',
  'own pause noticed',
  'graceful leave',
  'leave of rank 0',
  'member killed between two acts',
  'request refused: overloaded',
  'request given back: too few replicas',
  'request given back: too large',
  'request cut by the trim and sent again',
  'view of one',
  'half goes on with rank 0',
  'slots fetched in a change of view',
  'snapshot carried on by another donor',
  'joiner found its view in the log',
  'leave without a goodbye',
  'foreign history met',
  'majority lost at once',
  'clogged link burst',
  'retry of an event that was in',
  'shown and taken back by one put out',
  'shown as fifo and taken back by one that goes on',
  'subscriber shown an event before its place',
  'subscriber told that it is kept',
  'subscriber told that it is taken back',
] as const

export type Turn = (typeof TURNS)[number]
export type TurnCounts = Partial<Record<Turn, number>>

interface Change {
  readonly view: number
  readonly ballot: number
  step: 'collect' | 'propose' | 'install'
}

/** From whom a snapshot is being pulled, and whether another gave its first parts. */
interface Pull {
  readonly donor: number
  readonly snapshot: number
  readonly handedOver: boolean
}

/** Watches the fabric and the outputs, and judges by them alone. */
export class Turns {
  readonly counts: TurnCounts = {}
  private readonly leads = new Map<SimulatedProcess, Change>()
  private readonly pulls = new Map<number, Pull>()
  private readonly lastChunk = new Map<SimulatedProcess, { at: number; to: number }>()
  private readonly wedged = new Set<SimulatedProcess>()
  private readonly lastView = new Map<SimulatedProcess, { at: number; delivered: number }>()
  private readonly delivered = new Map<SimulatedProcess, number>()
  private readonly excluded = new Set<SimulatedProcess>()
  /** Has taken something back, and not told yet how it goes on. */
  private readonly takingBack = new Set<SimulatedProcess>()
  private readonly cutTo = new Map<number, number>()
  /** The last slot that a member sent in its view, and the last of its own that it delivered. */
  private readonly ownSlots = new Map<SimulatedProcess, { sent: number; delivered: number }>()
  private readonly pulling = new Set<number>()

  took(turn: Turn): void {
    this.counts[turn] = (this.counts[turn] ?? 0) + 1
  }

  sent(letter: Letter, process: SimulatedProcess, now: number): void {
    const { envelope } = letter
    if (envelope === undefined) return
    const { message } = envelope
    switch (message.kind) {
      case 'collect':
        this.lead(process, envelope.view, message.ballot, 'collect')
        break
      case 'propose': {
        const before = this.leads.get(process)
        if (
          message.proposal.birth !== message.ballot &&
          !(before?.ballot === message.ballot && before.step !== 'collect')
        )
          this.took('proposal adopted')
        this.lead(process, envelope.view, message.ballot, 'propose')
        break
      }
      case 'install': {
        const change = this.leads.get(process)
        if (change?.view === message.proposal.view && change.step === 'propose') change.step = 'install'
        break
      }
      case 'want':
        if (this.wedged.has(process)) this.took('slots fetched in a change of view')
        break
      case 'slot': {
        const own = this.ownSlots.get(process)
        if (own !== undefined && envelope.view === process.view?.number) own.sent = message.record.slot
        break
      }
      case 'refuse':
        this.took('collect refused')
        break
      case 'repair':
        this.took('repair answered')
        if (message.slotsView === envelope.view - 1) this.took('repair of the view before')
        break
      case 'cut':
        if (typeof letter.to === 'number') this.cutTo.set(letter.to, now)
        break
      case 'log':
      case 'chunk':
        if (typeof letter.to === 'number') this.lastChunk.set(process, { at: now, to: letter.to })
        if (message.kind === 'chunk') this.chunk(process, letter.to, message)
        break
      case 'pull':
        this.pulling.add(envelope.sender.incarnation)
        this.pull(envelope.sender.incarnation, letter.to, message)
        break
      case 'join':
        if (message.wantsIn && this.wedged.size > 0) this.took('join during flush')
        break
      case 'missed':
        this.took('told to catch up: missed')
        break
      case 'out':
        this.took('told to be out: out')
        break
      default:
    }
  }

  /** `catchingUp`: incarnations of living processes that are not yet members. */
  died(process: SimulatedProcess, how: string, now: number, catchingUp: ReadonlySet<number>): void {
    const change = this.leads.get(process)
    if (change !== undefined && process.view?.number !== change.view + 1) {
      if (change.step === 'collect') this.took('coordinator lost while collecting')
      else if (change.step === 'propose') this.took('coordinator lost after propose and before install')
    }
    if (change?.step === 'install' && process.view?.number === change.view + 1)
      this.took('coordinator lost after its first install')
    const chunk = this.lastChunk.get(process)
    if (chunk !== undefined && now - chunk.at < 200 && catchingUp.has(chunk.to)) this.took('donor lost in transfer')
    const cut = this.cutTo.get(process.incarnation)
    if (cut !== undefined && now - cut < 200 && !process.isMember) this.took('joiner lost after cut')
    if (how.startsWith('between')) this.took('member killed between two acts')
    if (how.startsWith('exit') && process.leaving)
      this.took(how.includes('without a goodbye') ? 'leave without a goodbye' : 'graceful leave')
    this.wedged.delete(process)
  }

  output(process: SimulatedProcess, output: Output, now: number): void {
    switch (output.type) {
      case 'deliver':
        this.delivered.set(process, (this.delivered.get(process) ?? 0) + 1)
        if (output.sender.incarnation === process.incarnation) {
          const own = this.ownSlots.get(process)
          if (own !== undefined) own.delivered = output.slot
        }
        break
      case 'view':
        this.view(process, output, now)
        break
      case 'restore':
        this.took('restored from a snapshot')
        break
      case 'retract':
        this.takingBack.add(process)
        break
      case 'reincarnated':
        if (this.takingBack.delete(process)) this.took('shown and taken back by one put out')
        this.took('second incarnation of one process')
        this.excluded.add(process)
        this.ownSlots.delete(process)
        this.wedged.delete(process)
        break
      case 'unsent':
        this.took(output.why === 'too-large' ? 'request given back: too large' : 'request given back: too few replicas')
        break
      case 'note':
        switch (output.note.type) {
          case 'suspicionWithdrawn':
            this.took('false suspicion withdrawn')
            break
          case 'suspected':
            if (output.note.why === 'stalled') this.took('stalled member found')
            if (output.note.why === 'probe') this.took('probe failed')
            break
          case 'wedged':
            this.wedged.add(process)
            break
          case 'changeGivenUp':
            this.took('change given up')
            break
          case 'paused':
            this.took('own pause noticed')
            break
          case 'joinerNotReady':
            this.took('joiner not ready')
            break
          case 'joinerRefused':
            this.took('joiner refused')
            break
          case 'namesake':
            this.took('namesake met')
            break
          case 'foreignHistory':
            this.took('foreign history met')
            break
          default:
        }
        break
      default:
    }
  }

  private view(process: SimulatedProcess, output: Extract<Output, { type: 'view' }>, now: number): void {
    if (!output.member) return
    if (this.takingBack.delete(process)) this.took('shown as fifo and taken back by one that goes on')
    this.took('view installed')
    const own = this.ownSlots.get(process)
    if (own !== undefined && own.sent > own.delivered) this.took('request cut by the trim and sent again')
    this.ownSlots.set(process, { sent: 0, delivered: 0 })
    this.wedged.delete(process)
    if (output.view.number === 1) this.took('first start')
    if (output.joined.length > 0 && output.failed.length > 0) this.took('join and failure in one change')
    if (output.joined.length > 0 && output.left.length > 0) this.took('join and leave in one change')
    const last = this.lastView.get(process)
    const delivered = this.delivered.get(process) ?? 0
    if (last !== undefined && now - last.at < 1000 && last.delivered === delivered) this.took('two changes in a row')
    this.lastView.set(process, { at: now, delivered })
    if (this.excluded.delete(process)) this.took('minority healed')
    if (this.pulling.has(process.incarnation)) this.took('caught up from the log')
    const before = process.isMember ? process.view : undefined
    this.sizes(before, output.view)
    if (before === undefined && process.reading === 'log') this.took('joiner found its view in the log')
    const first = before?.members[0]
    if (output.left.some((member) => member.incarnation === first?.incarnation)) this.took('leave of rank 0')
  }

  private sizes(before: View | undefined, after: View): void {
    if (before === undefined || after.members.length >= before.members.length) return
    if (after.members.length === 1) this.took('view of one')
    if (2 * after.members.length === before.members.length) this.took('half goes on with rank 0')
  }

  private pull(observer: number, donor: Letter['to'], pull: Extract<Message, { kind: 'pull' }>): void {
    if (typeof donor !== 'number' || pull.offset === 0) return
    const { snapshot } = pull
    const before = this.pulls.get(observer)
    const handedOver = before?.snapshot === snapshot && (before.donor !== donor || before.handedOver)
    this.pulls.set(observer, { donor, snapshot, handedOver })
  }

  private chunk(process: SimulatedProcess, observer: Letter['to'], chunk: ChunkMessage): void {
    const pull = typeof observer === 'number' ? this.pulls.get(observer) : undefined
    if (pull?.handedOver && chunk.offset > 0 && pull.donor === process.address && pull.snapshot === chunk.position)
      this.took('snapshot carried on by another donor')
  }

  private lead(process: SimulatedProcess, view: number, ballot: number, step: Change['step']): void {
    const before = this.leads.get(process)
    if (before?.view === view && before.ballot === ballot && before.step !== 'collect') return
    if (before?.view === view && before.ballot === ballot && before.step === step) return
    this.leads.set(process, { view, ballot, step })
  }
}

export function addTurns(to: TurnCounts, more: TurnCounts): void {
  for (const turn of TURNS) {
    const count = more[turn]
    if (count !== undefined) to[turn] = (to[turn] ?? 0) + count
  }
}
