// What an act leads to, as far as the view shows it: whom to wait for, and what to say in plain words. Pure.

import type { Act, PlayState } from './play-api.ts'

export interface View {
  readonly number: number
  readonly members: readonly string[]
}

export interface Seen {
  readonly act: Act
  /** After it. */
  readonly state: PlayState
  readonly before: View
  /** What it led to; undefined: nothing in the time that was waited. */
  readonly view: View | undefined
  readonly ms: number
}

/** Whether a view is what the act leads to; undefined: it leads to none. */
export function awaited(act: Act, state: PlayState, before: View): ((view: View) => boolean) | undefined {
  if (act.act === 'loss') return undefined
  const running = state.replicas.filter(({ condition }) => condition === 'running').map(({ name }) => name)
  if (state.cut.length === 0) return (view) => isOf(view, running)
  // The side with most of the view goes on. Where neither has most of it, the protocol says which; either will do.
  const sides = [true, false].map((inside) => running.filter((name) => state.cut.includes(name) === inside))
  const inView = sides.map((side) => side.filter((name) => before.members.includes(name)).length)
  const most = Math.max(...inView)
  const goOn = sides.filter((_, i) => inView[i] === most)
  return (view) => goOn.some((side) => isOf(view, side))
}

function isOf(view: View, names: readonly string[]): boolean {
  return names.length === view.members.length && names.every((name) => view.members.includes(name))
}

export function tell({ act, state, before, view, ms }: Seen): string {
  const changed = view !== undefined && view.number !== before.number
  const after = ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`
  const without = changed ? `the view changed to ${view.number} without it after ${after}` : unchanged(view)
  const inAgain = changed ? `it is in view ${view.number} after ${after}` : unchanged(view)
  switch (act.act) {
    case 'kill':
      return before.members.includes(act.replica)
        ? `${act.replica} was killed: ${without}`
        : `${act.replica} was killed; it was not in the view`
    case 'pause':
      return before.members.includes(act.replica)
        ? `${act.replica} stands still: ${without}`
        : `${act.replica} stands still; it was not in the view`
    case 'resume':
      return before.members.includes(act.replica)
        ? `${act.replica} goes on, and was missed by nobody`
        : `${act.replica} goes on: put out meanwhile, it caught up, and ${inAgain}`
    case 'restart':
      return `${act.replica} was restarted: it took over what the others have, and ${inAgain}`
    case 'cut': {
      const others = state.replicas.map(({ name }) => name).filter((name) => !act.side.includes(name))
      const cut = `${list(act.side)} and ${list(others)} cannot reach each other`
      if (!changed) return `${cut}: ${unchanged(view)}`
      const lost = before.members.filter((name) => !view.members.includes(name))
      const goOn = `${list(view.members)} went on in view ${view.number} after ${after}`
      return lost.length === 0 ? `${cut}: ${goOn}` : `${cut}: ${goOn}; ${list(lost)} takes no publishes meanwhile`
    }
    case 'heal':
      return changed
        ? `the cut is healed: ${list(view.members)} are together in view ${view.number} after ${after}`
        : `the cut is healed: ${unchanged(view)}`
    case 'loss':
      return act.share === 0
        ? 'no datagrams are lost any more'
        : `${Math.round(act.share * 100)} % of all datagrams are lost from now on, and what is missing is sent again`
    case 'anew':
      return view === undefined ? unchanged(view) : `a new group began, without any events, in view ${view.number}`
    default:
      return act satisfies never
  }
}

function unchanged(view: View | undefined): string {
  return view === undefined
    ? 'no such view came: with too few left for a quorum, heal, resume, or begin anew'
    : `the view stays ${view.number}`
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
