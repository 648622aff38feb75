// What the console makes of what replicas say: who is what in the picture, and the story of a change of view.

import test from 'ava'
import type { Change, ReplicaState } from '../../clients/console/contract.ts'
import {
  type Condition,
  conditionOf,
  EMPTY_GROUP,
  type Group,
  onChange,
  onPolled,
  onState,
  onUnheard,
} from '../../clients/console/group.ts'
import { storiesOf } from '../../clients/console/story.ts'

const AT = '2026-01-31T12:00:00.000Z'
const urlOf = (name: string): string => `http://${name}.example`
/** `a`, `a1`: a replica, and which of its lives. */
const viewOf = (number: number, lives: readonly string[]): ReplicaState['view'] => ({
  number,
  members: lives.map((life, rank) => {
    const name = life.slice(0, 1)
    return { name, incarnation: life, url: urlOf(name), rank }
  }),
})

function stateOf(life: string, view: ReplicaState['view'], also: Partial<ReplicaState> = {}): ReplicaState {
  return {
    at: AT,
    history: 'h',
    view,
    self: life.slice(0, 1),
    incarnation: life,
    primary: true,
    state: 'member',
    seq: 1,
    digest: '',
    clients: 0,
    suspected: [],
    wedged: false,
    position: 1,
    head: 1,
    ...also,
  }
}

const FIRST = viewOf(1, ['a1', 'b1', 'c1'])

/** Three members that are heard. */
function three(): Group {
  return ['a1', 'b1', 'c1'].reduce(
    (group, life) => onState(group, urlOf(life.slice(0, 1)), stateOf(life, FIRST)),
    EMPTY_GROUP,
  )
}

type What<Of = Change> = Of extends Change ? Omit<Of, 'at' | 'seq'> : never

const said = (group: Group, by: string, change: What): Group =>
  onChange(group, by, 0, { at: AT, seq: 1, ...change } as Change)

function installed(
  group: Group,
  by: string,
  number: number,
  lives: readonly string[],
  failed: readonly string[] = [],
): Group {
  return said(group, by, { kind: 'view', ...viewOf(number, lives), joined: [], left: [], failed, member: true })
}

const conditions = (group: Group): Record<string, Condition> =>
  Object.fromEntries([...group.sights].map(([name, sight]) => [name, conditionOf(group, sight)]))

test('killed: suspected, gone; started again: not heard until it is read', (t) => {
  let group = said(three(), 'a', { kind: 'suspected', name: 'c', why: 'probe' })
  t.deepEqual(conditions(group), { a: 'working', b: 'working', c: 'suspected' })
  group = said(onUnheard(group, 'c'), 'a', { kind: 'wedged', view: 1, coordinator: 'a' })
  t.is(conditions(group)['a'], 'wedged')
  group = installed(group, 'a', 2, ['a1', 'b1'], ['c'])
  t.deepEqual(conditions(group), { a: 'working', b: 'working', c: 'gone' })
  group = installed(group, 'a', 3, ['a1', 'b1', 'c2'])
  t.is(conditions(group)['c'], 'unheard')
  group = onState(group, urlOf('c'), stateOf('c2', group.view))
  t.is(conditions(group)['c'], 'working')
})

test('paused: put out, and a member again by the connection by which it was read all the while', (t) => {
  let group = installed(three(), 'a', 2, ['a1', 'b1'], ['c'])
  t.is(conditions(group)['c'], 'put out', 'it says nothing of catching up')
  group = said(group, 'c', { kind: 'put-out', why: 'excluded' })
  t.is(conditions(group)['c'], 'catching up')
  group = installed(group, 'a', 3, ['a1', 'b1', 'c2'])
  group = installed(group, 'c', 3, ['a1', 'b1', 'c2'])
  t.deepEqual(conditions(group), { a: 'working', b: 'working', c: 'working' })
})

test('cut off: blocked, whether the others have gone on or not', (t) => {
  let group = said(three(), 'c', { kind: 'blocked', view: 1, ms: 1000, unheard: ['a', 'b'] })
  t.is(conditions(group)['c'], 'blocked')
  group = installed(group, 'a', 2, ['a1', 'b1'], ['c'])
  t.is(conditions(group)['c'], 'blocked')
  group = onPolled(group, stateOf('c1', FIRST, { primary: false, wedged: true }))
  t.is(conditions(group)['c'], 'blocked', 'what it tries alone is not what the group does')
})

test('the story: four steps to the new view, and nothing of what a replica tried that was cut off', (t) => {
  const names = ({ view }: Group): string[] => view.members.map(({ name }) => name)
  let group = said(three(), 'a', { kind: 'suspected', name: 'c', why: 'silent' })
  group = said(group, 'a', { kind: 'change-started', view: 1, attempt: 1, why: 'c is not heard' })
  group = said(group, 'b', { kind: 'wedged', view: 1, coordinator: 'a' })
  group = installed(group, 'a', 2, ['a1', 'b1'], ['c'])
  group = said(group, 'c', { kind: 'suspected', name: 'a', why: 'silent' })
  group = said(group, 'c', { kind: 'change-started', view: 1, attempt: 1, why: 'a is not heard' })
  const [story, ...others] = storiesOf(group.happenings, names(group))
  t.deepEqual(others, [])
  t.is(story?.view, 2)
  t.deepEqual(
    story?.steps.map(({ by }) => by),
    [['a'], ['b'], ['a'], ['a']],
  )
  t.is(story?.steps[3].text, 'c put out')

  group = said(group, 'c', { kind: 'put-out', why: 'excluded' })
  group = said(group, 'c', { kind: 'wants-in', position: 9 })
  t.is(storiesOf(group.happenings, names(group)).length, 2, 'that it wants in is told before it is in')
  group = installed(group, 'a', 3, ['a1', 'b1', 'c2'])
  const back = storiesOf(group.happenings, names(group)).at(-1)
  t.is(back?.view, 3)
  t.deepEqual(back?.steps[0].by, ['c'])
  t.regex(back?.steps[0].text ?? '', /asks to be let in/)
})
