// G9: no two sets of members extend the same history side by side: once a later view delivers, an earlier one adds
// nothing. And no second history begins while anybody lives who belongs to the first.

import type { Checker, Observation } from '../observation.ts'

export class OnePrimary implements Checker {
  readonly id = 'G9'
  readonly guarantee = 'one primary component'
  /** By history, the newest view that delivered anything, and how far. */
  private readonly frontier = new Map<number, { view: number; position: number; by: string }>()
  /** Living processes and the history that they are, or were last, a member in. */
  private readonly belongs = new Map<string, number>()

  see(observation: Observation): string | undefined {
    switch (observation.type) {
      case 'died':
        this.belongs.delete(observation.process)
        return undefined
      case 'view': {
        const { process, history, number, member } = observation
        if (!member) return undefined
        this.belongs.set(process, history)
        for (const [other, theirs] of this.belongs)
          if (theirs !== history)
            return `${process} is in view ${number} of history ${history}, and ${other}, which lives, of ${theirs}`
        return undefined
      }
      case 'delivered': {
        const { process, history, view, position } = observation
        const frontier = this.frontier.get(history)
        if (frontier === undefined || view >= frontier.view) {
          if (frontier === undefined || position > frontier.position)
            this.frontier.set(history, { view, position, by: process })
          else if (view > frontier.view)
            return `${process} delivers position ${position} in view ${view}, which ${frontier.by} had delivered in view ${frontier.view}`
        } else if (position >= frontier.position)
          return `${process} extends view ${view} to position ${position}, and ${frontier.by} delivers in view ${frontier.view}`
        return undefined
      }
      default:
        return undefined
    }
  }
}
