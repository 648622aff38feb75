// G11: what is shown before it is safe keeps what its level promises, and is delivered or taken back. Each slot once a
// level, in its sender's order (fifo); after all that had been shown to its submitter when it submitted (causal); in the
// order of safe delivery (agreed). From a member that goes on only what was shown as fifo is taken back.

import { EARLY_LEVELS, type EarlyLevel } from '../../../broker/group/port.ts'
import type { Checker, Delivered, EarlyObserved, Observation, Token, ViewObserved } from '../observation.ts'

/** By rank, the last payload slot that was shown to a process in a view. */
interface Shown {
  readonly history: number
  readonly view: number
  readonly slots: readonly number[]
}

interface Place {
  readonly slot: number
  readonly rank: number
}

/** One member's time in one view. */
class Stay {
  readonly incarnation: number
  readonly history: number
  readonly view: number
  /** Level by level, by rank: the last slot shown. */
  readonly last: Record<EarlyLevel, number[]> = { fifo: [], causal: [], agreed: [] }
  /** Shown, and neither delivered nor taken back yet: the last level of each. */
  readonly open = new Map<string, EarlyLevel>()
  readonly takenBack = new Map<string, EarlyLevel>()
  lastAgreed: Place = { slot: 0, rank: 0 }

  constructor({ incarnation, history, number }: ViewObserved) {
    this.incarnation = incarnation
    this.history = history
    this.view = number
  }

  lastOf(level: EarlyLevel, rank: number): number {
    return this.last[level][rank] ?? 0
  }
}

export class EarlyDelivery implements Checker {
  readonly id = 'G11'
  readonly guarantee = 'early delivery'
  private readonly stays = new Map<string, Stay>()
  private readonly causes = new Map<Token, Shown>()
  private readonly checksums = new Map<string, number>()

  see(observation: Observation): string | undefined {
    const stay = 'process' in observation ? this.stays.get(observation.process) : undefined
    switch (observation.type) {
      case 'view': {
        const wrong = stay && (this.over(stay, observation.process) ?? this.goesOn(stay, observation))
        if (observation.member) this.stays.set(observation.process, new Stay(observation))
        else this.stays.delete(observation.process)
        return wrong
      }
      case 'restored':
      case 'reincarnated':
        this.stays.delete(observation.process)
        return stay && this.over(stay, observation.process)
      case 'submitted':
        if (stay) {
          const { history, view, last } = stay
          this.causes.set(observation.token, { history, view, slots: last.fifo.map((slot) => slot ?? 0) })
        }
        return undefined
      case 'early':
        return this.early(stay, observation)
      case 'retract':
        return this.retract(stay, observation)
      case 'delivered':
        return stay && stay.view === observation.view ? this.delivered(stay, observation) : undefined
      default:
        return undefined
    }
  }

  private early(stay: Stay | undefined, at: EarlyObserved): string | undefined {
    const text = `${at.process} shows ${textOf(at)} as ${at.level}`
    if (stay === undefined || stay.history !== at.history || stay.view !== at.view) return `${text}, not in that view`
    if (at.slot <= stay.lastOf(at.level, at.rank))
      return `${text} after slot ${stay.lastOf(at.level, at.rank)} of that sender`
    const before = EARLY_LEVELS[EARLY_LEVELS.indexOf(at.level) - 1]
    if (before !== stay.open.get(keyOf(at))) return `${text} when it was shown as ${stay.open.get(keyOf(at))}`
    const wrong = at.level === 'fifo' ? this.whole(at) : this.causal(stay, at)
    if (wrong !== undefined) return `${text} ${wrong}`
    if (at.level === 'agreed') {
      if (!sortsBefore(stay.lastAgreed, at)) return `${text} after ${textOf({ ...at, ...stay.lastAgreed })}`
      stay.lastAgreed = at
    }
    stay.open.set(keyOf(at), at.level)
    stay.last[at.level][at.rank] = at.slot
    return undefined
  }

  private whole(at: EarlyObserved): string | undefined {
    const { history, view, rank, slot, checksum } = at
    const key = `${history}/${view}/${rank}/${slot}`
    const first = this.checksums.get(key) ?? checksum
    this.checksums.set(key, first)
    return first === checksum ? undefined : `with checksum ${checksum}, and elsewhere it has ${first}`
  }

  private causal(stay: Stay, at: EarlyObserved): string | undefined {
    for (const token of at.tokens) {
      const causes = this.causes.get(token)
      if (causes?.history !== at.history || causes.view !== at.view) continue
      for (const [rank, cause] of causes.slots.entries())
        if (rank !== at.rank && (cause ?? 0) > stay.lastOf(at.level, rank))
          return `before slot ${cause} of rank ${rank}, which its submitter had been shown before request ${token}`
    }
    return undefined
  }

  private retract(stay: Stay | undefined, at: EarlyObserved): string | undefined {
    const text = `${at.process} takes back ${textOf(at)} as ${at.level}`
    if (stay === undefined || stay.view !== at.view) return `${text}, not in that view`
    const level = stay.open.get(keyOf(at))
    if (level !== at.level) return `${text}, which was ${level === undefined ? 'not shown' : `shown as ${level}`}`
    stay.open.delete(keyOf(at))
    stay.takenBack.set(keyOf(at), level)
    return undefined
  }

  private delivered(stay: Stay, at: Delivered): string | undefined {
    const text = `${at.process} delivers ${textOf(at)}`
    const level = stay.open.get(keyOf(at))
    stay.open.delete(keyOf(at))
    if (stay.takenBack.has(keyOf(at))) return `${text}, which it took back`
    if (level !== 'agreed' && !sortsBefore(stay.lastAgreed, at))
      return `${text} after it showed ${textOf({ ...at, ...stay.lastAgreed })} as agreed`
    for (const one of EARLY_LEVELS) {
      const shownBefore = level !== undefined && EARLY_LEVELS.indexOf(level) >= EARLY_LEVELS.indexOf(one)
      if (!shownBefore && at.slot < stay.lastOf(one, at.rank))
        return `${text}, never shown as ${one}, after it showed slot ${stay.lastOf(one, at.rank)} of that sender so`
      stay.last[one][at.rank] = Math.max(stay.lastOf(one, at.rank), at.slot)
    }
    if (sortsBefore(stay.lastAgreed, at)) stay.lastAgreed = at
    return undefined
  }

  private over(stay: Stay, process: string): string | undefined {
    const [first] = stay.open
    return (
      first &&
      `${process} leaves view ${stay.view}, in which slot ${first[0]} was shown as ${first[1]} and neither delivered nor taken back`
    )
  }

  private goesOn(stay: Stay, next: ViewObserved): string | undefined {
    const { incarnation, member, history, number, process } = next
    if (!member || stay.incarnation !== incarnation || stay.history !== history || number !== stay.view + 1) return
    const found = [...stay.takenBack].find(([, level]) => level !== 'fifo')
    return (
      found &&
      `${process} goes on from view ${stay.view}, and took back slot ${found[0]}, which it had shown as ${found[1]}`
    )
  }
}

function keyOf({ slot, rank }: Place): string {
  return `${slot} of rank ${rank}`
}

function textOf({ slot, rank, view }: Place & { view: number }): string {
  return `slot ${slot} of rank ${rank} in view ${view}`
}

function sortsBefore(one: Place, other: Place): boolean {
  return one.slot < other.slot || (one.slot === other.slot && one.rank < other.rank)
}
