// The group as this page knows it: what each replica says of itself and of the others, put together. Pure: each message
// makes a new picture of the old one. Replicas may disagree while a view changes, and then the picture shows that.

import type { Cluster, Member } from '../src/index.ts'
import { withNewest } from './bounded.ts'
import type { Change, ReplicaState } from './contract.ts'

export interface Sight {
  readonly name: string
  readonly url: string
  readonly incarnation: string
  /** Whether this page reads its changes now. */
  readonly heard: boolean
  /** What it said last of itself; kept when it is not heard any more. */
  readonly state: ReplicaState | undefined
}

export interface Happening {
  /** Grows from one to the next. */
  readonly id: number
  /** The replica that says so. */
  readonly by: string
  /** When it came here, in milliseconds since 1970. */
  readonly heardAt: number
  readonly change: Change
}

export interface Group {
  readonly history: string
  readonly view: { readonly number: number; readonly members: readonly Member[] }
  /** By name: members, and others that were there a while ago. */
  readonly sights: ReadonlyMap<string, Sight>
  readonly happenings: readonly Happening[]
  readonly lastId: number
}

export const EMPTY_GROUP: Group = {
  history: '',
  view: { number: 0, members: [] },
  sights: new Map(),
  happenings: [],
  lastId: 0,
}

const UNHEARD = { heard: false, state: undefined } as const
const HAPPENINGS_MAX = 200
/** Longer than what happens every day, as the collector's pauses. */
const PAUSE_SHOWN_MS = 250
/** Those that are not members any more go first. */
const SIGHTS_MAX = 16

/** The replica to which this page is attached tells of its view: what it says counts, also after the group began anew. */
export function onCluster(group: Group, { history, view }: Cluster): Group {
  return withView(group, history, view)
}

export function onState(group: Group, url: string, state: ReplicaState): Group {
  const { self, incarnation, history, view, primary } = state
  const sight: Sight = { name: self, url, incarnation, heard: true, state }
  const seen = { ...group, sights: withSight(group, sight) }
  return primary && (history === group.history || group.history === '') ? withView(seen, history, view) : seen
}

export function onUnheard(group: Group, name: string): Group {
  const sight = group.sights.get(name)
  return sight === undefined ? group : { ...group, sights: withSight(group, { ...sight, heard: false }) }
}

export function onChange(group: Group, by: string, heardAt: number, change: Change): Group {
  // Short pauses are everyday where there is much to do, and would push out what matters.
  if (change.kind === 'paused' && change.ms < PAUSE_SHOWN_MS) return group
  const id = group.lastId + 1
  const happenings = withNewest(group.happenings, { id, by, heardAt, change }, HAPPENINGS_MAX)
  const next: Group = { ...group, happenings, lastId: id }
  const sight = group.sights.get(by)
  if (sight?.state === undefined) return next
  const state = stateAfter(sight.state, change)
  const seen = { ...next, sights: withSight(group, { ...sight, state }) }
  if (change.kind !== 'view' || !change.member) return seen
  return withView(seen, state.history, { number: change.number, members: change.members })
}

/** What is asked once a second comes between changes, and is fresher in all but who is suspected. */
export function onPolled(group: Group, state: ReplicaState): Group {
  const sight = group.sights.get(state.self)
  return sight === undefined ? group : { ...group, sights: withSight(group, { ...sight, state }) }
}

/** Replicas that suspect it, by name. */
export function suspectedBy(group: Group, name: string): string[] {
  return [...group.sights.values()]
    .filter((sight) => sight.heard && isMember(group, sight) && sight.state?.suspected.includes(name) === true)
    .map((sight) => sight.name)
}

export type Condition = 'working' | 'suspected' | 'wedged' | 'blocked' | 'put out' | 'catching up' | 'unheard' | 'gone'

export function conditionOf(group: Group, sight: Sight): Condition {
  const member = isMember(group, sight)
  const { state, primary, wedged } = sight.state ?? {}
  if (member && suspectedBy(group, sight.name).length > 0) return 'suspected'
  if (!sight.heard) return member ? 'unheard' : 'gone'
  if (state === 'stopped') return 'gone'
  if (state === 'observer') return 'catching up'
  if (member && wedged) return 'wedged'
  if (primary === false) return 'blocked'
  // It takes itself for a member still: it stands still, and will hear of it when it goes on.
  return member ? 'working' : 'put out'
}

export function isMember(group: Group, { name, incarnation }: Pick<Sight, 'name' | 'incarnation'>): boolean {
  return group.view.members.some((member) => member.name === name && member.incarnation === incarnation)
}

/** Members by rank, then those that were there. */
export function inOrder(group: Group): readonly Sight[] {
  const members = group.view.members.map(
    ({ name, url, incarnation }): Sight => group.sights.get(name) ?? { name, url, incarnation, ...UNHEARD },
  )
  const names = new Set(members.map(({ name }) => name))
  return [...members, ...[...group.sights.values()].filter(({ name }) => !names.has(name))]
}

function stateAfter(state: ReplicaState, change: Change): ReplicaState {
  const { at, seq } = change
  const now = { ...state, at, seq: Math.max(seq, state.seq) }
  switch (change.kind) {
    case 'suspected':
      return { ...now, suspected: [...state.suspected.filter((name) => name !== change.name), change.name] }
    case 'suspicion-withdrawn':
      return { ...now, suspected: state.suspected.filter((name) => name !== change.name) }
    case 'wedged':
      return { ...now, wedged: true }
    case 'view': {
      const view = { number: change.number, members: change.members }
      if (!change.member) return { ...now, view }
      return { ...now, view, wedged: false, primary: true, state: 'member', suspected: [] }
    }
    case 'catching-up':
      return { ...now, position: change.position, head: change.head }
    case 'put-out':
      return { ...now, wedged: false, primary: false, state: 'observer', suspected: [] }
    case 'blocked':
      return { ...now, primary: false }
    case 'stopped':
      return { ...now, primary: false, state: 'stopped' }
    default:
      return now
  }
}

function withView(group: Group, history: string, view: Group['view']): Group {
  const another = history !== group.history
  if (!another && view.number <= group.view.number) return group
  const sights = new Map(group.sights)
  for (const { name, url, incarnation } of view.members) {
    const sight = sights.get(name)
    if (sight?.incarnation === incarnation) continue
    // Who was put out and is back is the same process, and read all the while; one that ended is not heard any more.
    const { heard, state } = sight?.url === url ? sight : UNHEARD
    sights.set(name, { name, url, incarnation, heard, state })
  }
  for (const { name } of [...sights.values()].filter(
    (one) => !view.members.some((member) => member.name === one.name),
  )) {
    if (sights.size > SIGHTS_MAX) sights.delete(name)
  }
  return { ...group, history, view, sights }
}

function withSight(group: Group, sight: Sight): ReadonlyMap<string, Sight> {
  return new Map(group.sights).set(sight.name, sight)
}
