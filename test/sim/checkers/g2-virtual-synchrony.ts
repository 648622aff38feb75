// G2: members that go together from view v to v + 1 delivered the same in v. Compared are whole sets, each gathered by
// one member between its two views, whatever the positions say.

import type { Checker, Observation } from '../observation.ts'

interface Stay {
  readonly incarnation: number
  readonly history: number
  readonly view: number
  /** Slot by slot, what was delivered. */
  readonly delivered: Map<string, number>
}

export class VirtualSynchrony implements Checker {
  readonly id = 'G2'
  readonly guarantee = 'virtual synchrony'
  private readonly stays = new Map<string, Stay>()
  private readonly ended = new Map<string, { stay: Stay; by: string }>()

  see(observation: Observation): string | undefined {
    switch (observation.type) {
      case 'delivered': {
        const stay = this.stays.get(observation.process)
        if (stay === undefined || stay.history !== observation.history) return undefined
        if (stay.view !== observation.view)
          return `${observation.process} delivers slot ${observation.slot} of view ${observation.view} in view ${stay.view}`
        stay.delivered.set(`slot ${observation.slot} of rank ${observation.rank}`, observation.checksum)
        return undefined
      }
      case 'view': {
        const stay = this.stays.get(observation.process)
        this.stays.delete(observation.process)
        const { history, number, incarnation, process } = observation
        if (!observation.member) return undefined
        this.stays.set(process, { incarnation, history, view: number, delivered: new Map() })
        if (stay?.incarnation !== incarnation || stay.history !== history || stay.view !== number - 1) return undefined
        return this.compare(process, stay)
      }
      case 'restored':
      case 'reincarnated':
        this.stays.delete(observation.process)
        return undefined
      default:
        return undefined
    }
  }

  private compare(process: string, stay: Stay): string | undefined {
    const key = `${stay.history}/${stay.view}`
    const first = this.ended.get(key)
    if (first === undefined) {
      this.ended.set(key, { stay, by: process })
      return undefined
    }
    const mine = stay.delivered
    const theirs = first.stay.delivered
    const missing = [...theirs.keys()].filter((slot) => mine.get(slot) !== theirs.get(slot))
    const extra = [...mine.keys()].filter((slot) => !theirs.has(slot))
    if (missing.length + extra.length === 0) return undefined
    return (
      `${process} and ${first.by} go together from view ${stay.view} to ${stay.view + 1}; ${process} did not deliver ` +
      `[${missing.slice(0, 5).join(', ')}] like ${first.by}, and did [${extra.slice(0, 5).join(', ')}]`
    )
  }
}
