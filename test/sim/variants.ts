// Deliberately broken variants of the protocol: each changes one rule, and the checker of the guarantee that the rule
// keeps must notice. A checker that has never caught anything proves nothing. The protocol itself knows nothing of them:
// a variant replaces a method for the time of a run.

import { Flush } from '../../broker/group/flush.ts'
import { Joining } from '../../broker/group/joining.ts'
import { Member } from '../../broker/group/member.ts'
import type { Slot } from '../../broker/group/message.ts'
import { TotalOrder } from '../../broker/group/total-order.ts'
import { isQuorum } from '../../broker/group/view.ts'

export interface Variant {
  readonly name: string
  /** The rule that is broken. */
  readonly what: string
  /** Checkers that may be the first to notice. */
  readonly breaks: readonly string[]
  /** Within how many seeds, from 1 on, one of them must have noticed. */
  readonly seeds: number
  readonly target: { readonly prototype: object }
  readonly method: string
  /** The broken method, given the right one. It is called as a method. */
  readonly broken: (right: Method) => Method
}

// biome-ignore lint/suspicious/noExplicitAny: a method of any of the parts, with its private fields.
type Method = (this: any, ...args: any[]) => any

export const VARIANTS: readonly Variant[] = [
  {
    name: 'acknowledge-before-stable',
    what: 'a slot is delivered as safe when it is known, held by all or not',
    breaks: ['G2', 'G3', 'G4', 'G6', 'G8'],
    seeds: 200,
    target: TotalOrder,
    method: 'nextSafe',
    broken: () =>
      function () {
        return this.nextKnown()
      },
  },
  {
    name: 'order-with-holes',
    what: 'a slot is delivered when it is stable, though one before it may still come',
    breaks: ['G3', 'BUG'],
    seeds: 200,
    target: TotalOrder,
    method: 'nextKnown',
    broken: () =>
      function () {
        return this.nextUndelivered()
      },
  },
  {
    name: 'effect-before-cause',
    what: "a member's next slot is its next number, whatever it has seen",
    breaks: ['G3', 'BUG'],
    seeds: 200,
    target: TotalOrder,
    method: 'nextOwnSlot',
    broken: () =>
      function () {
        return this.lane(this.self).held + 1
      },
  },
  {
    name: 'trim-not-causally-closed',
    what: 'at the end of a view the whole trim is delivered, effects without their causes too',
    breaks: ['G3', 'G5'],
    seeds: 3000,
    target: TotalOrder,
    method: 'causallyClosed',
    broken: () => (trim: readonly number[]) => [...trim],
  },
  {
    name: 'cut-requests-forgotten',
    what: "a survivor does not put its own cut batches back: they are lost without its publisher's retry",
    breaks: ['G10', 'G7'],
    seeds: 3000,
    target: TotalOrder,
    method: 'ownBeyond',
    broken: () => (): Slot[] => [],
  },
  {
    name: 'old-quorum-alone',
    what: 'a proposal counts as chosen with accepts from a quorum of the old view alone',
    breaks: ['G3', 'G4', 'G6', 'G9', 'G10'],
    seeds: 4000,
    target: Flush,
    method: 'chosen',
    broken: () => (leading) => {
      const { oldMembers } = leading.proposal
      let ranks = 0
      for (const [rank, member] of oldMembers.entries()) if (leading.accepts.has(member.incarnation)) ranks |= 1 << rank
      return isQuorum(ranks, oldMembers.length)
    },
  },
  {
    name: 'chosen-by-one',
    what: 'a coordinator installs what it has proposed without waiting for accepts',
    breaks: ['G1', 'G3', 'G4', 'G6', 'G9', 'G10'],
    seeds: 400,
    target: Flush,
    method: 'chosen',
    broken: () => () => true,
  },
  {
    name: 'promise-forgotten',
    what: 'a member accepts a proposal of a lower ballot than it has promised',
    breaks: ['G1', 'G2', 'G3', 'G4', 'G9', 'G10', 'BUG'],
    seeds: 4000,
    target: Flush,
    method: 'onPropose',
    broken: (right) =>
      function (from, ballot, ...rest) {
        if (ballot < this.promised) this.promised = ballot - 1
        return right.call(this, from, ballot, ...rest)
      },
  },
  {
    name: 'joiner-before-its-state',
    what: 'a joiner says that it is ready before its log and slots reach the cut',
    breaks: ['G1', 'G2', 'G3', 'G4', 'G8', 'G10', 'BUG'],
    seeds: 400,
    target: Joining,
    method: 'progress',
    broken: (right) =>
      function () {
        const { position, trim } = this.cut
        const { holds } = this.order
        this.order.holds = () => true
        const said = right.call(this, Math.max(position, trim.length))
        this.order.holds = holds
        return said
      },
  },
  {
    name: 'delivers-while-wedged',
    what: 'a wedged member goes on delivering',
    breaks: ['G2', 'G3', 'G4', 'BUG'],
    seeds: 3000,
    target: Member,
    method: 'onTurn',
    broken: (right) =>
      function () {
        const { wedged } = this
        if (this.role === 'member') {
          this.wedged = false
          this.deliverSafe()
          this.wedged = wedged
        }
        return right.call(this)
      },
  },
  {
    name: 'held-shown-while-wedged',
    what: 'the heartbeat of a wedged member is a header that shows what it holds',
    breaks: ['G2', 'G3', 'G4', 'G6', 'BUG'],
    seeds: 4000,
    target: Member,
    method: 'heartbeat',
    broken: (right) =>
      function () {
        if (this.role === 'member') this.sendHeader(false)
        return right.call(this)
      },
  },
  {
    name: 'excluded-forgets-at-once',
    what: 'who is excluded forgets the Install before anybody was heard in the new view',
    breaks: ['G10'],
    seeds: 4000,
    target: Member,
    method: 'answerWithInstall',
    broken: () => () => undefined,
  },
]

/** Breaks the protocol in this process until the answer is called. */
export function breakProtocol(name: string): () => void {
  const variant = VARIANTS.find((one) => one.name === name)
  if (!variant) throw new Error(`no variant ${name}; there are: ${VARIANTS.map((one) => one.name).join(', ')}`)
  const methods = variant.target.prototype as Record<string, Method>
  const right = methods[variant.method]
  if (right === undefined) throw new Error(`${name}: there is no method ${variant.method}`)
  methods[variant.method] = variant.broken(right)
  return () => {
    methods[variant.method] = right
  }
}
