// What an operator is told: of the group's notes, changes of view, refusals and the fabric, what is worth a line, at which
// level, and in which words. What heals by itself is information; what somebody should look at is a warning; what stays
// wrong until somebody acts is an error. Never a line for an event or a datagram, and what comes and goes all the time is
// summed up (`repeats.ts`). The table of all lines is in README.md.

import type { BrokerError } from './errors.ts'
import type { MemberStatus, Note, Output, ViewOutput } from './group/port.ts'
import type { MemberId } from './group/view.ts'
import type { Log } from './log.ts'
import { Repeats } from './repeats.ts'

export interface JournalParts {
  readonly log: Log
  readonly now: () => number
  readonly memberStatus: () => MemberStatus
  /** Whether the fabric is reachable from here. */
  readonly linked: () => boolean
}

type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal'
type Fields = { readonly [name: string]: unknown }

/** How often it looks by itself at what nobody tells it of. Shorter blinks of the fabric are not worth a line. */
const LOOK_EVERY_MS = 100
/** An overload is over when nothing was refused for so long. Too small: each wave is one of its own. */
const CALM_MS = 5000
/** A catch-up says how far it is with each quarter, and at least so often. */
const PROGRESS_EVERY_MS = 5000

export class Journal {
  private readonly parts: JournalParts
  private readonly repeats: Repeats
  private lookAt = 0
  /** By incarnation: why this replica suspects it. */
  private readonly suspicions = new Map<number, string>()
  private change: { readonly since: number; leader: string } | undefined
  private catchUp: CatchUp | undefined
  /** Since when it was not primary, if an operator was told that something is wrong. */
  private blockedSince: number | undefined
  private primaryAt: number
  private unlinkedSince: number | undefined
  private overload: { readonly since: number; lastAt: number; refused: number } | undefined

  constructor(parts: JournalParts) {
    this.parts = parts
    this.repeats = new Repeats(parts.now)
    this.primaryAt = parts.now()
  }

  // ---- its life

  started(group: string, roster: readonly string[], listen: string): void {
    this.parts.log.info({ group, roster, listen }, 'started')
  }

  /** Tools wait for this line. */
  ready(name: string, view: number, url: string): void {
    this.parts.log.info({ name, view, listen: url }, `ready name=${name} view=${view} listen=${url}`)
  }

  leaving(): void {
    this.parts.log.info('leaving the group')
  }

  bug(error: unknown): void {
    this.parts.log.fatal({ err: error }, 'a bug was found in this replica, so it stops; the others go on without it')
  }

  failedRequest(error: unknown): void {
    this.say('error', 'a request failed in a way that nobody foresaw', { err: error })
  }

  stopped(reason: string, failed: boolean): void {
    this.repeats.flush()
    this.parts.log[failed ? 'error' : 'info']({ reason }, 'stopped')
  }

  // ---- what happens around it

  /** A client was told this. */
  refused({ code, message }: BrokerError): void {
    const now = this.parts.now()
    if (code === 'LIMIT') this.say('warn', 'a client was turned away at a limit', { limit: message })
    if (code !== 'OVERLOADED') return
    if (this.overload === undefined) {
      this.overload = { since: now, lastAt: now, refused: 0 }
      this.say('warn', 'overloaded: requests are refused, and should come again a little later', { why: message })
    }
    this.overload.lastAt = now
    this.overload.refused++
  }

  /** What the fabric has to complain of, in its own words. */
  fabricProblem(problem: string): void {
    this.say('warn', 'the fabric has a problem', { problem })
  }

  hinted(member: string): void {
    this.parts.log.debug({ member }, 'its connection broke and nobody answers; it is asked')
  }

  /** To be called about as often as the group's tick. */
  tick(): void {
    const now = this.parts.now()
    if (now < this.lookAt) return
    this.lookAt = now + LOOK_EVERY_MS
    this.lookAtFabric(now)
    this.lookAtPrimary(now)
    this.lookAtOverload(now)
    this.repeats.tick()
  }

  private lookAtFabric(now: number): void {
    const linked = this.parts.linked()
    if (linked === (this.unlinkedSince === undefined)) return
    if (linked) {
      const ms = Math.round(now - this.unlinkedSince!)
      this.unlinkedSince = undefined
      this.say('info', 'the fabric is in reach again', { ms })
    } else {
      this.unlinkedSince = now
      this.blockedSince ??= this.primaryAt
      this.say('warn', 'the fabric is out of reach: this replica hears nobody, and takes no publishes')
    }
  }

  private lookAtPrimary(now: number): void {
    const { primary, view } = this.parts.memberStatus()
    if (!primary) return
    this.primaryAt = now
    if (this.blockedSince === undefined) return
    const ms = Math.round(now - this.blockedSince)
    this.blockedSince = undefined
    this.say('info', 'goes on: it takes publishes again', { view: view?.number, ms })
  }

  private lookAtOverload(now: number): void {
    if (this.overload === undefined || now - this.overload.lastAt < CALM_MS) return
    const { since, lastAt, refused } = this.overload
    this.overload = undefined
    this.say('info', 'no longer overloaded', { ms: Math.round(lastAt - since), refused })
  }

  // ---- what the group says

  output(output: Exclude<Output, { type: 'send' | 'takeSnapshot' }>): void {
    switch (output.type) {
      case 'note':
        this.note(output.note)
        break
      case 'view':
        this.view(output)
        break
      case 'restore':
        this.say('info', 'took over the state of another replica', {
          position: output.position,
          bytes: output.state.length,
        })
        break
      case 'reincarnated':
        this.change = undefined
        this.suspicions.clear()
        this.blockedSince ??= this.primaryAt
        this.say('warn', 'put out of the group; catching up to join again', { reason: output.reason })
        break
      case 'unsent':
        this.say('warn', 'requests were refused that waited to be sent', {
          requests: output.requests.length,
          why: output.why,
        })
        break
      case 'deliver':
      case 'early':
      case 'retract':
      case 'exit':
        break
      default:
        output satisfies never
    }
  }

  /** An observer that catches up sees old views in the order, too: those are no news. */
  private view({ view, joined, left, failed, position, member, attempts }: ViewOutput): void {
    const now = this.parts.now()
    const { change } = this
    const reason = view.number === 1 ? 'first' : failed.length > 0 ? 'exclude' : left.length > 0 ? 'leave' : 'join'
    const fields = {
      view: view.number,
      reason,
      members: names(view.members),
      joined: names(joined),
      left: names(left),
      failed: names(failed),
      ...(failed.length > 0 && member && { why: failed.map((one) => this.whySuspected(one)) }),
      ...(member && { attempts }),
      ...(change !== undefined && { leader: change.leader, ms: Math.round(now - change.since) }),
      position,
      member,
    }
    this.change = undefined
    this.catchUp = member ? undefined : this.catchUp
    this.suspicions.clear()
    this.say(member ? 'info' : 'debug', 'view installed', fields, 'view')
  }

  private whySuspected({ name, incarnation }: MemberId): string {
    return `${name} ${this.suspicions.get(incarnation) ?? 'suspected by others'}`
  }

  private note(note: Note): void {
    switch (note.type) {
      case 'suspected':
        this.suspicions.set(note.member.incarnation, note.why)
        this.sayOf(note.member, 'warn', 'member suspected', { why: note.why })
        break
      case 'suspicionWithdrawn':
        this.suspicions.delete(note.member.incarnation)
        this.sayOf(note.member, 'info', 'suspicion withdrawn')
        break
      case 'wedged':
        this.changes(note.coordinator)
        this.say('info', 'stopped in this view for a view change', { view: note.view, coordinator: note.coordinator })
        break
      case 'changeStarted':
        this.changes(this.parts.memberStatus().self.name)
        this.say('info', 'leading a view change', { view: note.view, attempt: note.attempt, why: note.why })
        break
      case 'changeGivenUp':
        this.say('info', 'gave up leading a view change', { view: note.view, attempt: note.attempt, why: note.why })
        break
      case 'paused':
        // Garbage collection and a busy machine are everyday; a tenth of a second is worth an operator's attention.
        this.say(note.ms >= 100 ? 'warn' : 'debug', 'this process was paused; deadlines moved by as much', {
          ms: note.ms,
        })
        break
      case 'catchingUp':
        this.catchingUp(note)
        break
      case 'wantsIn':
        this.caughtUp(note.position)
        break
      case 'joinerNotReady':
        this.sayOf(note.member, 'warn', 'joiner was not ready in time, left out for a while', { banMs: note.banMs })
        break
      case 'joinerRefused':
        this.sayOf(note.member, 'error', 'joiner refused', { why: note.why })
        break
      case 'refused':
        this.say('error', 'the group does not let this replica in', { why: note.why })
        break
      case 'blocked':
        this.blocked(note)
        break
      case 'diverged':
        this.sayOf(
          note.member,
          'fatal',
          'another replica has another state at an equal place of the order: a bug, or faulty memory. Whoever differs ' +
            'from most of the others stops; keep its log, start it again, and report it',
          { position: note.position },
        )
        break
      case 'groupUnheard':
        this.blockedSince ??= this.primaryAt
        this.say(
          'error',
          'no member of the group is heard: this replica joins when one is. If the group is gone for good, stop every ' +
            'replica of it and start all of them again: that begins an empty group',
          { ms: note.ms },
        )
        break
      case 'foreignHistory':
        this.say(
          'error',
          'a replica of another history of this group was heard; they never merge: one of the two must be stopped',
          { member: note.member, history: note.history },
        )
        break
      case 'namesake':
        this.sayOf(note.member, 'error', 'another process has the name of this replica', { url: note.member.url })
        break
      default:
        note satisfies never
    }
  }

  private changes(leader: string): void {
    this.change ??= { since: this.parts.now(), leader }
    this.change.leader = leader
  }

  private blocked({ view, ms, unheard }: Extract<Note, { type: 'blocked' }>): void {
    if (view === 0) {
      this.say('warn', 'the group is formed when the whole roster is heard: still waiting', { ms, unheard })
      return
    }
    this.blockedSince ??= this.primaryAt
    this.say(
      'error',
      'no quorum of the view is connected with this replica, or a change of view hangs: it goes on when they are heard again. If they are ' +
        'gone for good, stop every replica of the group and start all of them again: that begins an empty group',
      { view, ms, unheard },
    )
  }

  private catchingUp({ position, head, bytes, total }: Extract<Note, { type: 'catchingUp' }>): void {
    const now = this.parts.now()
    if (this.catchUp === undefined) {
      this.catchUp = { since: now, from: position, saidAt: now, quarter: 0 }
      this.say('info', 'catching up', { position, head })
      return
    }
    const { catchUp } = this
    const share = total > 0 ? bytes / total : (position - catchUp.from) / Math.max(1, head - catchUp.from)
    const quarter = Math.floor(4 * share)
    if (quarter === catchUp.quarter && now - catchUp.saidAt < PROGRESS_EVERY_MS) return
    catchUp.quarter = quarter
    catchUp.saidAt = now
    const of = total > 0 ? { snapshotBytes: total, bytes } : {}
    this.say('info', 'still catching up', { percent: Math.floor(100 * share), position, head, ...of })
  }

  private caughtUp(position: number): void {
    const ms = this.catchUp === undefined ? undefined : Math.round(this.parts.now() - this.catchUp.since)
    this.catchUp = undefined
    this.say('info', 'caught up, asking to be let in', { position, ...(ms !== undefined && { ms }) })
  }

  // ---- writing

  private sayOf(member: MemberId, level: Level, message: string, fields: Fields = {}): void {
    this.say(level, message, { member: member.name, ...fields }, `${message} ${member.name}`)
  }

  /** `kind`: of which there may be many. */
  private say(level: Level, message: string, fields: Fields = {}, kind: string = message): void {
    const { log } = this.parts
    if (level === 'debug') log.debug(fields, message)
    else this.repeats.say(kind, (more) => log[level](more > 0 ? { ...fields, more } : fields, message))
  }
}

interface CatchUp {
  readonly since: number
  /** Where it began. */
  readonly from: number
  saidAt: number
  quarter: number
}

const names = (members: readonly MemberId[]): string[] => members.map((member) => member.name)
