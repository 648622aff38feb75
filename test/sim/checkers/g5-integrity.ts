// G5: what is delivered was submitted, and is delivered once; what one member submitted comes in the order in which it
// did (fifo); and what had reached a member when it submitted is delivered before what it submitted (causal).

import type { Checker, Delivered, Observation, Token } from '../observation.ts'

interface Submission {
  readonly process: string
  readonly incarnation: number
  /** Place among the submissions of its incarnation. */
  readonly index: number
  readonly history: number
  readonly view: number
  /** By rank, the last payload slot that the submitter held without a gap. */
  readonly held: readonly number[]
}

class Held {
  readonly history: number
  readonly view: number
  slots: readonly number[] = []
  private readonly waiting = new Map<string, number>()

  constructor(history: number, view: number) {
    this.history = history
    this.view = view
  }

  receive(rank: number, slot: number, previousPayload: number): void {
    this.waiting.set(`${rank}/${previousPayload}`, slot)
    const slots = this.slots.slice()
    while (slots.length <= rank) slots.push(0)
    for (let next: number | undefined; ; slots[rank] = next) {
      next = this.waiting.get(`${rank}/${slots[rank]}`)
      if (next === undefined) break
      this.waiting.delete(`${rank}/${slots[rank]}`)
    }
    this.slots = slots
  }
}

export class Integrity implements Checker {
  readonly id = 'G5'
  readonly guarantee = 'integrity, fifo and causal order'
  private readonly submissions = new Map<Token, Submission>()
  private readonly submitted = new Map<number, number>()
  private readonly held = new Map<string, Held>()
  /** Where each request is in each history. */
  private readonly places = new Map<string, number>()
  private readonly lastIndex = new Map<string, number>()
  private readonly checked = new Map<number, number>()
  private readonly wasDelivered = new Set<Token>()
  private readonly unsent = new Set<Token>()
  private readonly deliveredSlots = new Map<string, number>()

  see(observation: Observation): string | undefined {
    switch (observation.type) {
      case 'submitted': {
        const { process, incarnation, token } = observation
        const index = (this.submitted.get(incarnation) ?? 0) + 1
        this.submitted.set(incarnation, index)
        const { history = 0, view = 0, slots = [] } = this.held.get(process) ?? {}
        this.submissions.set(token, { process, incarnation, index, history, view, held: slots })
        return undefined
      }
      case 'received': {
        const { process, history, view, rank, slot, previousPayload } = observation
        let held = this.held.get(process)
        if (held?.history !== history || held.view !== view) {
          held = new Held(history, view)
          this.held.set(process, held)
        }
        held.receive(rank, slot, previousPayload)
        return undefined
      }
      case 'unsent':
        this.unsent.add(observation.token)
        if (this.wasDelivered.has(observation.token))
          return `${observation.process} gives request ${observation.token} back as unsent, and it is delivered`
        return undefined
      case 'delivered':
        return this.delivered(observation)
      default:
        return undefined
    }
  }

  private delivered(at: Delivered): string | undefined {
    for (const token of at.tokens) {
      const place = this.places.get(`${at.history}/${token}`)
      if (place !== undefined && place !== at.position)
        return `${at.process} delivers request ${token} at position ${at.position} and it is at ${place} already`
    }
    if ((this.checked.get(at.history) ?? -1) >= at.position) return undefined
    this.checked.set(at.history, at.position)
    for (const token of at.tokens) {
      const key = `${at.history}/${token}`
      if (this.places.has(key)) return `request ${token} is in the batch at position ${at.position} twice`
      this.places.set(key, at.position)
      this.wasDelivered.add(token)
      if (this.unsent.has(token)) return `request ${token} was given back as unsent and is delivered`
      const submission = this.submissions.get(token)
      if (submission === undefined) return `${at.process} delivers request ${token}, which nobody submitted`
      if (submission.incarnation !== at.sender)
        return `request ${token} of ${submission.process} is delivered as one of incarnation ${at.sender}`
      const order = `${at.history}/${submission.incarnation}`
      const before = this.lastIndex.get(order) ?? 0
      if (submission.index < before)
        return `fifo: request ${token} of ${submission.process}, its number ${submission.index}, comes after its number ${before}`
      this.lastIndex.set(order, submission.index)
      const wrong = this.causal(at, token, submission)
      if (wrong !== undefined) return wrong
    }
    this.deliveredSlots.set(`${at.history}/${at.view}/${at.rank}`, at.slot)
    return undefined
  }

  private causal(at: Delivered, token: Token, submission: Submission): string | undefined {
    if (submission.history !== at.history || submission.view !== at.view) return undefined
    for (const [rank, slot] of submission.held.entries())
      if (rank !== at.rank && slot > (this.deliveredSlots.get(`${at.history}/${at.view}/${rank}`) ?? 0))
        return `causal: request ${token} of ${submission.process} is delivered in view ${at.view} without slot ${slot} of rank ${rank}, which it had received`
    return undefined
  }
}
