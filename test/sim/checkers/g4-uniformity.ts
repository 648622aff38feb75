// G4: what any member delivered as safe in a view, every member that goes on to the next has delivered too, though the
// one that delivered it died or was excluded; and once the next view exists, nobody delivers more in the old one.

import type { Checker, Observation } from '../observation.ts'

interface ViewDeliveries {
  readonly slots: Map<string, string>
  /** The member that was first seen in the next view. */
  closedBy: string | undefined
}

export class Uniformity implements Checker {
  readonly id = 'G4'
  readonly guarantee = 'uniformity'
  private readonly views = new Map<string, ViewDeliveries>()
  /** How many slots each process has delivered in the view that it is a member of. */
  private readonly own = new Map<string, { history: number; view: number; slots: Set<string> }>()

  see(observation: Observation): string | undefined {
    switch (observation.type) {
      case 'delivered': {
        const { process, history, view, slot, rank } = observation
        const key = `slot ${slot} of rank ${rank}`
        this.own.get(process)?.slots.add(key)
        const deliveries = this.deliveries(history, view)
        if (deliveries.slots.has(key)) return undefined
        deliveries.slots.set(key, process)
        if (deliveries.closedBy !== undefined)
          return `${process} delivers ${key} in view ${view}, which ${deliveries.closedBy} left without it`
        return undefined
      }
      case 'view': {
        const { process, history, number } = observation
        const own = this.own.get(process)
        this.own.delete(process)
        if (!observation.member) return undefined
        this.own.set(process, { history, view: number, slots: new Set() })
        const deliveries = this.deliveries(history, number - 1)
        deliveries.closedBy ??= process
        // A joiner has the rest in the state that it began with: G3 and G8 compare that.
        if (own?.history !== history || own.view !== number - 1) return undefined
        for (const [key, by] of deliveries.slots)
          if (!own.slots.has(key)) return `${process} goes on to view ${number} without ${key}, which ${by} delivered`
        return undefined
      }
      case 'restored':
      case 'reincarnated':
        this.own.delete(observation.process)
        return undefined
      default:
        return undefined
    }
  }

  private deliveries(history: number, view: number): ViewDeliveries {
    const key = `${history}/${view}`
    let deliveries = this.views.get(key)
    if (deliveries === undefined) {
      deliveries = { slots: new Map(), closedBy: undefined }
      this.views.set(key, deliveries)
    }
    return deliveries
  }
}
