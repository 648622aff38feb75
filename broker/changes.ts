// What happens to a replica in its group, told to whoever wants to watch: suspicions, changes of view and their steps,
// catching up. The same that the log has lines for, as values. Nothing is kept: who begins to watch asks for the state.

import type { Note, Output } from './group/port.ts'
import type { MemberId } from './group/view.ts'
import type { ClusterChange, ClusterHappening, MemberDescription } from './http/operations.ts'

export interface ChangesParts {
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
  /** The place in the order that the state here is at. */
  readonly seq: () => number
  readonly describe: (member: MemberId, rank: number) => MemberDescription
}

export class Changes {
  private readonly parts: ChangesParts
  private readonly watchers = new Set<(change: ClusterChange) => void>()

  constructor(parts: ChangesParts) {
    this.parts = parts
  }

  /** Calls with each change from now on, until the function that it returns is called. */
  watch(tell: (change: ClusterChange) => void): () => void {
    this.watchers.add(tell)
    return () => this.watchers.delete(tell)
  }

  /** To be called after the output was applied: a view has its place then. */
  output(output: Exclude<Output, { type: 'send' | 'takeSnapshot' }>): void {
    if (this.watchers.size === 0) return
    const happening = this.happeningOf(output)
    if (happening === undefined) return
    const { wallClock, seq } = this.parts
    const change = { at: new Date(wallClock()).toISOString(), seq: seq(), ...happening }
    for (const tell of this.watchers) tell(change)
  }

  private happeningOf(output: Exclude<Output, { type: 'send' | 'takeSnapshot' }>): ClusterHappening | undefined {
    switch (output.type) {
      case 'note':
        return happeningOfNote(output.note)
      case 'view': {
        const { view, joined, left, failed, member } = output
        const members = view.members.map(this.parts.describe)
        return {
          kind: 'view',
          number: view.number,
          members,
          joined: joined.map(nameOf),
          left: left.map(nameOf),
          failed: failed.map(nameOf),
          member,
        }
      }
      case 'restore':
        return { kind: 'took-state', position: output.position, bytes: output.state.length }
      case 'reincarnated':
        return { kind: 'put-out', why: output.reason }
      case 'exit':
        return { kind: 'stopped', why: output.reason }
      case 'deliver':
      case 'early':
      case 'retract':
      case 'unsent':
        return undefined
      default:
        return output satisfies never
    }
  }
}

function happeningOfNote(note: Note): ClusterHappening {
  switch (note.type) {
    case 'suspected':
      return { kind: 'suspected', name: note.member.name, why: note.why }
    case 'suspicionWithdrawn':
      return { kind: 'suspicion-withdrawn', name: note.member.name }
    case 'wedged':
      return { kind: 'wedged', view: note.view, coordinator: note.coordinator }
    case 'changeStarted':
      return { kind: 'change-started', view: note.view, attempt: note.attempt, why: note.why }
    case 'changeGivenUp':
      return { kind: 'change-given-up', view: note.view, attempt: note.attempt, why: note.why }
    case 'paused':
      return { kind: 'paused', ms: note.ms }
    case 'catchingUp':
      return { kind: 'catching-up', position: note.position, head: note.head, bytes: note.bytes }
    case 'wantsIn':
      return { kind: 'wants-in', position: note.position }
    case 'joinerNotReady':
      return { kind: 'joiner-not-ready', name: note.member.name, banMs: note.banMs }
    case 'joinerRefused':
      return { kind: 'joiner-refused', name: note.member.name, why: note.why }
    case 'refused':
      return { kind: 'refused', why: note.why }
    case 'blocked':
      return { kind: 'blocked', view: note.view, ms: note.ms, unheard: note.unheard }
    case 'diverged':
      return { kind: 'diverged', name: note.member.name, position: note.position }
    case 'groupUnheard':
      return { kind: 'group-unheard', ms: note.ms }
    case 'foreignHistory':
      return { kind: 'foreign-history', name: note.member }
    case 'namesake':
      return { kind: 'namesake', name: note.member.name }
    default:
      return note satisfies never
  }
}

const nameOf = (member: MemberId): string => member.name
