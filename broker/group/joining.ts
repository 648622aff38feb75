// A joiner's part in a change of view. A Cut tells it where its log must reach and which slots of the ending view it
// must hold besides; it keeps those as slots of that view, serves them to whoever lacks them, and votes like any other
// member of the next view. So every member of a view holds the whole state at the view's start.

import type { BatchMemory } from './batch-memory.ts'
import type { Ballot, CutMessage, Message, Proposal } from './message.ts'
import { TotalOrder } from './total-order.ts'
import type { Incarnation, View } from './view.ts'

export class Joining {
  /** The view that ends. */
  readonly view: View
  readonly order: TotalOrder
  private readonly cut: CutMessage
  private readonly coordinator: Incarnation
  promised: Ballot
  private proposed: { ballot: Ballot; proposal: Proposal; coordinator: Incarnation } | undefined
  private acceptedAt: Ballot = 0
  private readySaid = false

  /** `before`: what an earlier Cut of the same view has brought; slots that were accepted must stay held. */
  constructor(
    history: number,
    number: number,
    cut: CutMessage,
    coordinator: Incarnation,
    aheadMax: number,
    memory: BatchMemory,
    before?: Joining,
  ) {
    this.view = { history, number, members: cut.members }
    // What was held goes over, however far it is ahead of a floor that is lower now.
    const ahead = before ? Number.POSITIVE_INFINITY : aheadMax
    this.order = new TotalOrder(cut.members.length, -1, ahead, memory, cut.floor)
    this.cut = cut
    this.coordinator = coordinator
    this.promised = cut.ballot
    for (const [rank, floor] of before?.cut.floor.entries() ?? []) {
      const want = { rank, from: floor + 1, to: Number.POSITIVE_INFINITY }
      const held = before?.order.answer(want, Number.POSITIVE_INFINITY)
      for (const slot of held?.records ?? []) this.order.addSlot(slot)
    }
  }

  get ballot(): Ballot {
    return this.cut.ballot
  }

  get trim(): readonly number[] {
    return this.cut.trim
  }

  /** The coordinator asks again: the answer may have been lost. */
  asked(): void {
    this.readySaid = false
  }

  onPropose(from: Incarnation, ballot: Ballot, proposal: Proposal): { to: Incarnation; message: Message } | undefined {
    if (ballot < this.promised) return { to: from, message: { kind: 'refuse', ballot: this.promised } }
    this.promised = ballot
    if (this.acceptedAt === ballot) return { to: from, message: { kind: 'accept', ballot } }
    this.proposed = { ballot, proposal, coordinator: from }
    return undefined
  }

  /** What may be said now that the log has come to `position`. */
  progress(position: number): { to: Incarnation; message: Message }[] {
    const said: { to: Incarnation; message: Message }[] = []
    if (position < this.cut.position || !this.order.holds(this.cut.trim)) return said
    if (!this.readySaid) {
      this.readySaid = true
      said.push({ to: this.coordinator, message: { kind: 'ready', ballot: this.cut.ballot } })
    }
    if (this.proposed && this.order.holds(this.proposed.proposal.trim)) {
      const { ballot, coordinator } = this.proposed
      this.acceptedAt = ballot
      this.proposed = undefined
      said.push({ to: coordinator, message: { kind: 'accept', ballot } })
    }
    return said
  }

  /** Does the log reach far enough, and are the slots there, to become a member by this proposal? */
  holds(proposal: Proposal, position: number): boolean {
    return position >= this.cut.position && this.order.holds(proposal.trim)
  }
}
