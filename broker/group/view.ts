// Who is in the group: a view is a numbered, ordered list of members, agreed by all of them and never changed.

/**
 * One life of a replica, as a random whole number from 1 to 2^48 - 1. A restarted replica, and an excluded one that
 * comes back, has another: so no datagram of the old life is ever taken for one of the new.
 */
export type Incarnation = number

export interface MemberId {
  /** The replica's name, unique in the group. */
  readonly name: string
  readonly incarnation: Incarnation
  /** Where the replica serves people; travels with the identity so that a view is also a list of addresses. */
  readonly url: string
}

export interface View {
  /**
   * Minted at random when the group is first formed, so that positions of another life of the group are never taken
   * for ours. 0 only in view 0.
   */
  readonly history: number
  /** Grows by one from view to view; the first that is installed is 1. View 0 is the roster before the group exists. */
  readonly number: number
  /** In rank order: survivors keep theirs, joiners come last. */
  readonly members: readonly MemberId[]
}

/** A set of ranks of one view, one bit each. */
export type Ranks = number

/** A bit a rank must fit into a small integer. */
export const MEMBERS_MAX = 30

export function rankOf(view: View, incarnation: Incarnation): number {
  return view.members.findIndex((member) => member.incarnation === incarnation)
}

export function has(ranks: Ranks, rank: number): boolean {
  return ((ranks >>> rank) & 1) === 1
}

export function count(ranks: Ranks): number {
  let n = 0
  for (let rest = ranks; rest !== 0; rest &= rest - 1) n++
  return n
}

export function everyRank(size: number): Ranks {
  return size === 0 ? 0 : 2 ** size - 1
}

/**
 * More than half of a view of `size`, or exactly half with its rank 0 among them. Any two quorums of a view meet, which
 * is what leaves it at most one successor (G9; dynamic linear voting, Jajodia and Mutchler 1990).
 */
export function isQuorum(ranks: Ranks, size: number): boolean {
  const twice = 2 * count(ranks)
  return twice > size || (twice === size && has(ranks, 0))
}
