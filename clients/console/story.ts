// What the protocol did to come from one view to the next, told in four steps: why, wedge, agreement, the new view. Made of
// what the replicas said, each by its own clock; those clocks may differ between machines, so times are a hint. Pure.

import type { Happening } from './group.ts'

export interface Step {
  readonly name: string
  /** Milliseconds after the first thing that is known of this change; undefined: not reached. */
  readonly afterMs: number | undefined
  /** Replicas that have said so. */
  readonly by: readonly string[]
  readonly text: string
}

export interface Story {
  /** Of the first thing that is known of it. */
  readonly id: number
  /** Number of the view that it led to; undefined: not yet. */
  readonly view: number | undefined
  readonly steps: readonly [Step, Step, Step, Step]
}

interface Draft {
  readonly id: number
  readonly from: number
  old: number | undefined
  view: number | undefined
  members: readonly string[]
  suspects: Set<string>
  readonly said: readonly [Said[], Said[], Said[], Said[]]
}

interface Said {
  readonly by: string
  readonly at: number
  readonly text: string
}

const NAMES = ['Reason', 'Wedge', 'Agreement', 'New view'] as const
const MEANING = ['', 'members stop, so that nothing grows', 'who has what; what is missing is fetched', ''] as const

/**
 * The changes of view that are known, oldest first. `members`: names of those in the view now. What others try, cut off
 * from them, leads to no view; but who wants in says so before it is one of them.
 */
export function storiesOf(happenings: readonly Happening[], members: readonly string[]): Story[] {
  const drafts: Draft[] = []
  // Who leaves in good order may lead the change that lets it go.
  const left = happenings.flatMap(({ change }) => (change.kind === 'view' ? change.left : []))
  const told = new Set([...members, ...left])
  for (const happening of happenings)
    if (told.has(happening.by) || happening.change.kind === 'wants-in') take(drafts, happening)
  return drafts.filter(({ said }) => said.some((step) => step.length > 0)).map(finished)
}

function take(drafts: Draft[], { id, by, change }: Happening): void {
  const at = Date.parse(change.at)
  const say = (draft: Draft, step: 0 | 1 | 2 | 3, text: string): void => void draft.said[step].push({ by, at, text })
  switch (change.kind) {
    case 'suspected': {
      const last = drafts.at(-1)
      // A suspicion that another replica tells of a moment after the view without that member.
      const late = last?.view !== undefined && !last.members.includes(change.name)
      const draft = late ? last : openDraft(drafts, id, at)
      draft.suspects.add(change.name)
      return say(draft, 0, `${change.name} is suspected: ${REASONS[change.why] ?? change.why}`)
    }
    case 'put-out': {
      // What it tried meanwhile has come to nothing, and is no part of how it comes back.
      const last = drafts.at(-1)
      if (last !== undefined && last.view === undefined) takeBack(last, by)
      return
    }
    case 'wants-in':
      return say(openDraft(drafts, id, at), 0, `${by} has caught up and asks to be let in`)
    case 'change-started': {
      const draft = draftFrom(drafts, id, at, change.view)
      if (draft.said[0].length === 0) say(draft, 0, change.why)
      const again = change.attempt > 1 ? `, attempt ${change.attempt}` : ''
      return say(draft, 2, `led by ${by}${again}`)
    }
    case 'wedged':
      return say(draftFrom(drafts, id, at, change.view), 1, MEANING[1])
    case 'view': {
      const draft = draftFrom(drafts, id, at, change.number - 1)
      draft.view = change.number
      draft.members = change.members.map(({ name }) => name)
      return say(draft, 3, viewText(change))
    }
    default:
  }
}

function takeBack({ said }: Draft, by: string): void {
  for (const step of said) step.splice(0, step.length, ...step.filter((one) => one.by !== by))
}

const REASONS: { readonly [why: string]: string | undefined } = {
  silent: 'it has not been heard for too long',
  probe: 'its connections broke, and it does not answer',
  stalled: 'it makes no progress',
}

function viewText(change: { joined: readonly string[]; left: readonly string[]; failed: readonly string[] }): string {
  const parts = [
    [change.failed, 'put out'],
    [change.left, 'left'],
    [change.joined, 'joined'],
  ] as const
  return parts.flatMap(([names, what]) => (names.length > 0 ? [`${names.join(', ')} ${what}`] : [])).join('; ')
}

/** The change that is under way, or a new one. */
function openDraft(drafts: Draft[], id: number, at: number): Draft {
  const last = drafts.at(-1)
  if (last !== undefined && last.view === undefined) return last
  const draft: Draft = {
    id,
    from: at,
    old: undefined,
    view: undefined,
    members: [],
    suspects: new Set(),
    said: [[], [], [], []],
  }
  drafts.push(draft)
  return draft
}

/** The change that leads out of this view: replicas tell of it one after another. */
function draftFrom(drafts: Draft[], id: number, at: number, old: number): Draft {
  const known = drafts.findLast((draft) => draft.old === old)
  if (known !== undefined) return known
  const draft = openDraft(drafts, id, at)
  draft.old = old
  return draft
}

function finished({ id, view, said }: Draft): Story {
  const first = Math.min(...said.flat().map(({ at }) => at))
  const step = (i: 0 | 1 | 2 | 3): Step => {
    const all = said[i]
    const meaning = i === 0 ? '' : MEANING[i]
    return {
      name: i === 3 && view !== undefined ? `View ${view}` : NAMES[i],
      afterMs: all.length === 0 ? undefined : Math.min(...all.map(({ at }) => at)) - first,
      by: [...new Set(all.map(({ by }) => by))].sort(),
      text: all.at(0)?.text ?? meaning,
    }
  }
  return { id, view, steps: [step(0), step(1), step(2), step(3)] }
}
