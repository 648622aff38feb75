// Keeps the books of who may die. In memory mode a group survives when of the current view, and of every view that is
// just being chosen, a quorum lives. The one who makes faults asks here first; a run in which it happened all the same
// is excused from liveness, never from safety.

import type { Proposal } from '../../broker/group/message.ts'
import { isQuorum } from '../../broker/group/view.ts'
import type { SimulatedProcess } from './process.ts'

interface Candidate {
  readonly number: number
  readonly members: readonly number[]
}

export class Quorums {
  /** Why liveness cannot be asked of this run. */
  lost: string | undefined
  /** Views that were installed by anybody, or proposed, by their text. */
  private readonly candidates = new Map<string, Candidate>()
  private readonly processes: () => readonly SimulatedProcess[]

  constructor(processes: () => readonly SimulatedProcess[]) {
    this.processes = processes
  }

  installed(process: SimulatedProcess): void {
    const { view } = process
    if (view === undefined || !process.isMember) return
    this.add(
      view.number,
      view.members.map((member) => member.incarnation),
    )
    this.judge()
  }

  proposed(proposal: Proposal): void {
    const members = proposal.members.map((member) => member.incarnation)
    if (this.add(proposal.view + 1, members)) this.judge()
  }

  /** To be called after a death. */
  judge(): void {
    this.lost ??= this.missing(new Set(), false)
  }

  /** Whether the group outlives these processes, those that are about to leave not counted. */
  mayDie(processes: readonly SimulatedProcess[]): boolean {
    return this.lost !== undefined || this.missing(new Set(processes), true) === undefined
  }

  /** Whether anybody alive has installed a view: otherwise a first start is still to come. */
  get founded(): boolean {
    return this.processes().some((process) => process.open && process.isMember)
  }

  private add(number: number, members: readonly number[]): boolean {
    const key = `${number}: ${members.join(' ')}`
    if (this.candidates.has(key)) return false
    this.candidates.set(key, { number, members })
    return true
  }

  private missing(dead: ReadonlySet<SimulatedProcess>, leaversDie: boolean): string | undefined {
    const living = new Set<number>()
    let base = 0
    for (const process of this.processes()) {
      if (!process.open || dead.has(process)) continue
      if (process.isMember && process.view !== undefined) base = Math.max(base, process.view.number)
      if (!(leaversDie && process.leaving)) living.add(process.incarnation)
    }
    for (const { number, members } of this.candidates.values()) {
      // What a living member has installed is chosen, and it tells the others: the views before no longer matter.
      if (number < base) continue
      let ranks = 0
      for (const [rank, incarnation] of members.entries()) if (living.has(incarnation)) ranks |= 1 << rank
      if (!isQuorum(ranks, members.length)) return `no quorum of view ${number} [${members.join(' ')}] lives`
    }
    return undefined
  }
}
