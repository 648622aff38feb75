// G3: safe deliveries at any two members, over all views of a history, are prefixes of one sequence, in which each
// entry has its own position; and no effect comes before its cause. A cause of a request is any payload slot of the
// same view that its sender knew of when the request was made: it had come by itself, or was shown.

import type { Checker, Delivered, Observation, Token } from '../observation.ts'

interface Order {
  readonly entries: Map<number, { text: string; by: string }>
  /** The last delivered place of the newest view. */
  last: { view: number; slot: number; rank: number }
}

/** By rank, the last payload slot that reached a process in its view. */
interface Known {
  readonly history: number
  readonly view: number
  readonly slots: readonly number[]
}

interface Place {
  readonly process: string
  readonly rank: number
  readonly slot: number
}

export class TotalOrder implements Checker {
  readonly id = 'G3'
  readonly guarantee = 'total order'
  private readonly orders = new Map<number, Order>()
  private readonly positions = new Map<string, { history: number; position: number }>()
  private readonly known = new Map<string, Known>()
  private readonly causes = new Map<Token, Known>()

  see(observation: Observation): string | undefined {
    switch (observation.type) {
      case 'received':
        return observation.by === 'slot' ? this.knows(observation) : undefined
      case 'early':
        return this.knows(observation)
      case 'submitted': {
        const known = this.known.get(observation.process)
        if (known !== undefined) this.causes.set(observation.token, known)
        return undefined
      }
      case 'restored': {
        const { process, history, position } = observation
        const before = this.positions.get(process)
        this.positions.set(process, { history, position })
        if (before?.history === history && before.position > position)
          return `${process} goes back from position ${before.position} to ${position}`
        return undefined
      }
      case 'view': {
        const { process, history, number, position } = observation
        return this.entry(process, history, position, `view ${number}`)
      }
      case 'delivered':
        return this.delivered(observation)
      default:
        return undefined
    }
  }

  private knows({ process, history, view, rank, slot }: Omit<Known, 'slots'> & Place): undefined {
    let known = this.known.get(process)
    if (known?.history !== history || known.view !== view) known = { history, view, slots: [] }
    const slots = known.slots.slice()
    while (slots.length <= rank) slots.push(0)
    slots[rank] = Math.max(slots[rank] as number, slot)
    this.known.set(process, { history, view, slots })
  }

  private delivered(at: Delivered): string | undefined {
    const order = this.order(at.history)
    const isNew = !order.entries.has(at.position)
    const text = `slot ${at.slot} of rank ${at.rank} in view ${at.view}, checksum ${at.checksum}`
    const wrong = this.entry(at.process, at.history, at.position, text)
    if (wrong !== undefined || !isNew) return wrong
    const { last } = order
    if (last.view > at.view || (last.view === at.view && !sortsBefore(last.slot, last.rank, at.slot, at.rank)))
      return `${at.process} delivers ${text} after slot ${last.slot} of rank ${last.rank} in view ${last.view}`
    order.last = { view: at.view, slot: at.slot, rank: at.rank }
    for (const token of at.tokens) {
      const known = this.causes.get(token)
      if (known === undefined || known.history !== at.history || known.view !== at.view) continue
      for (const [rank, slot] of known.slots.entries())
        if (slot > 0 && !sortsBefore(slot, rank, at.slot, at.rank))
          return `request ${token} sorts at slot ${at.slot} of rank ${at.rank}, before its cause, slot ${slot} of rank ${rank} in view ${at.view}`
    }
    return undefined
  }

  private entry(process: string, history: number, position: number, text: string): string | undefined {
    const before = this.positions.get(process)
    this.positions.set(process, { history, position })
    if (before?.history === history && position !== before.position + 1)
      return `${process} delivers position ${position} after ${before.position}`
    const { entries } = this.order(history)
    const first = entries.get(position)
    if (first === undefined) entries.set(position, { text, by: process })
    else if (first.text !== text) return `position ${position}: ${process} has ${text}, ${first.by} had ${first.text}`
    return undefined
  }

  private order(history: number): Order {
    let order = this.orders.get(history)
    if (order === undefined) {
      order = { entries: new Map(), last: { view: 0, slot: 0, rank: 0 } }
      this.orders.set(history, order)
    }
    return order
  }
}

function sortsBefore(slot: number, rank: number, otherSlot: number, otherRank: number): boolean {
  return slot < otherSlot || (slot === otherSlot && rank < otherRank)
}
