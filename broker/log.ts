// One JSON object a line on stdout, for people and for whatever collects logs. What is worth a line is decided here:
// the group's notes, changes of view, and a replica's start and end. The pure parts log nothing themselves.

import { type Logger, pino } from 'pino'
import type { Note, ViewOutput } from './group/port.ts'
import type { MemberId } from './group/view.ts'

export type Log = Logger

/** `replica` is in every line, so that several replicas of one process can be told apart. */
export function createLog(level: string, replica: string): Log {
  return pino({
    level,
    base: { replica },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  })
}

export function logReady(log: Log, name: string, view: number, url: string): void {
  log.info({ name, view, listen: url }, `ready name=${name} view=${view} listen=${url}`)
}

export function logView(log: Log, output: ViewOutput): void {
  log.info(
    {
      view: output.view.number,
      members: names(output.view.members),
      joined: names(output.joined),
      left: names(output.left),
      failed: names(output.failed),
      position: output.position,
      member: output.member,
    },
    'view installed',
  )
}

/** One line for each note. What an operator should look at is a warning; what heals by itself is information. */
export function logNote(log: Log, note: Note): void {
  switch (note.type) {
    case 'suspected':
      log.warn({ member: note.member.name, why: note.why }, 'member suspected')
      break
    case 'suspicionWithdrawn':
      log.info({ member: note.member.name }, 'suspicion withdrawn')
      break
    case 'wedged':
      log.info({ view: note.view, coordinator: note.coordinator }, 'stopped in this view for a view change')
      break
    case 'changeStarted':
      log.info({ view: note.view, attempt: note.attempt, why: note.why }, 'leading a view change')
      break
    case 'changeGivenUp':
      log.info({ view: note.view, attempt: note.attempt, why: note.why }, 'gave up leading a view change')
      break
    case 'paused':
      // Garbage collection and a busy machine are everyday; a tenth of a second is worth an operator's attention.
      log[note.ms >= 100 ? 'warn' : 'debug']({ ms: note.ms }, 'this process was paused; deadlines moved by as much')
      break
    case 'catchingUp':
      log.info({ position: note.position, head: note.head, bytes: note.bytes }, 'catching up')
      break
    case 'wantsIn':
      log.info({ position: note.position }, 'caught up, asking to be let in')
      break
    case 'joinerNotReady':
      log.warn({ member: note.member.name, banMs: note.banMs }, 'joiner was not ready in time, left out for a while')
      break
    case 'joinerRefused':
      log.error({ member: note.member.name, why: note.why }, 'joiner refused')
      break
    case 'refused':
      log.error({ why: note.why }, 'the group does not let this replica in')
      break
    case 'blocked':
      if (note.view === 0) {
        log.warn(
          { ms: note.ms, unheard: note.unheard },
          'the group is formed when the whole roster is heard: still waiting',
        )
        break
      }
      log.error(
        { view: note.view, ms: note.ms, unheard: note.unheard },
        'no quorum of the view is connected with this replica, or a change of view hangs: it goes on when they are heard again. If they are ' +
          'gone for good, stop every replica of the group and start all of them again: that begins an empty group',
      )
      break
    case 'diverged':
      log.fatal(
        { member: note.member.name, position: note.position },
        'another replica has another state at an equal place of the order: a bug, or faulty memory. Whoever differs ' +
          'from most of the others stops; keep its log, start it again, and report it',
      )
      break
    case 'groupUnheard':
      log.error(
        { ms: note.ms },
        'no member of the group is heard: this replica joins when one is. If the group is gone for good, stop every ' +
          'replica of it and start all of them again: that begins an empty group',
      )
      break
    case 'foreignHistory':
      log.error(
        { member: note.member, history: note.history },
        'a replica of another history of this group was heard; they never merge: one of the two must be stopped',
      )
      break
    case 'namesake':
      log.error({ member: note.member.name, url: note.member.url }, 'another process has the name of this replica')
      break
    default:
      note satisfies never
  }
}

const names = (members: readonly MemberId[]): string[] => members.map((member) => member.name)
