// The group as a ring: rank 0 at the top, the others by rank, and outside of the view those that were in it. For the eye
// alone: the table beside it says the same.

import { type ComponentChild, h } from 'preact'
import { type Condition, conditionOf, type Group, inOrder, isMember, type Sight, suspectedBy } from './group.ts'

const WIDTH = 420
const HEIGHT = 300
const CENTRE = { x: WIDTH / 2, y: HEIGHT / 2 - 2 }
const RADIUS = { x: 138, y: 96 }
const NODE = 31
const NAME_LENGTH = 9

interface Place {
  readonly x: number
  readonly y: number
}

export interface PictureParts {
  readonly group: Group
  readonly attached: string | undefined
  /** Of the change of view that is shown; undefined: none. */
  readonly step: number | undefined
}

export function GroupPicture({ group, attached, step }: PictureParts): ComponentChild {
  const sights = inOrder(group)
  const places = new Map(sights.map(({ name }, i) => [name, placeOf(i, sights.length)]))
  const { number, members } = group.view
  // A node that is moved among the others keeps the looks of what it was before, in some browsers: so each stays in place.
  const nodes = sights.toSorted((one, other) => (one.name < other.name ? -1 : 1))
  return h(
    'svg',
    { class: `picture picture-step-${step ?? 'none'}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true' },
    [
      h('ellipse', { key: 'ring', class: 'ring', cx: CENTRE.x, cy: CENTRE.y, rx: RADIUS.x, ry: RADIUS.y }),
      h('g', { key: 'links' }, linksOf(group, places, step)),
      h('g', { key: `view-${number}`, class: 'view-number', style: moved(CENTRE) }, [
        h('text', { class: 'view-word', y: -22 }, number === 0 ? 'no view yet' : 'view'),
        h('text', { class: 'view-digits', y: 20 }, number === 0 ? '' : number),
        h('text', { class: 'view-count', y: 40 }, number === 0 ? '' : count(members.length)),
      ]),
      h(
        'g',
        { key: 'nodes' },
        nodes.map((sight) => h(Node, { key: sight.name, group, sight, place: places.get(sight.name)!, attached })),
      ),
    ],
  )
}

function Node({
  group,
  sight,
  place,
  attached,
}: {
  group: Group
  sight: Sight
  place: Place
  attached: string | undefined
}): ComponentChild {
  const condition = conditionOf(group, sight)
  const rank = group.view.members.findIndex(({ name }) => name === sight.name)
  const { name } = sight
  const short = name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name
  const here = name === attached
  return h('g', { class: `node node-${condition.replace(' ', '-')}${here ? ' node-here' : ''}`, style: moved(place) }, [
    h('circle', { class: 'halo', r: NODE + 6 }),
    h('circle', { class: 'body', r: NODE }),
    condition === 'catching up' ? h(Progress, { sight }) : null,
    h('text', { class: short.length > 4 ? 'name name-long' : 'name', y: rank < 0 ? 6 : 2 }, short),
    rank < 0 ? null : h('text', { class: 'rank', y: 18 }, rank === 0 ? 'rank 0 ★' : `rank ${rank}`),
    h('text', { class: 'condition', y: NODE + 20 }, here && condition === 'working' ? 'this page' : WORDS[condition]),
  ])
}

const WORDS: { readonly [condition in Condition]: string } = {
  working: '',
  suspected: '? suspected',
  wedged: '‖ wedged',
  blocked: '⊘ blocked',
  'put out': '✕ put out',
  'catching up': '↻ catching up',
  unheard: '… not heard',
  gone: '✕ gone',
}

/** How much of the order it has. */
function Progress({ sight }: { sight: Sight }): ComponentChild {
  const { position = 0, head = 0 } = sight.state ?? {}
  const share = head > 0 ? Math.min(1, position / head) : 0
  return h('circle', {
    class: 'progress',
    r: NODE,
    pathLength: 1,
    'stroke-dasharray': `${share} 1`,
    transform: 'rotate(-90)',
  })
}

/** Suspicions, and in a change of view who leads it to whom. */
function linksOf(group: Group, places: ReadonlyMap<string, Place>, step: number | undefined): ComponentChild[] {
  const line = (kind: string, from: string, to: string): ComponentChild[] => {
    const [a, b] = [places.get(from), places.get(to)]
    if (a === undefined || b === undefined) return []
    return [h('line', { key: `${kind} ${from} ${to}`, class: `link link-${kind}`, x1: a.x, y1: a.y, x2: b.x, y2: b.y })]
  }
  const names = inOrder(group).map(({ name }) => name)
  const suspicions = names.flatMap((name) => suspectedBy(group, name).flatMap((by) => line('suspects', by, name)))
  const [leader, ...others] = inOrder(group).filter((sight) => isMember(group, sight) && sight.heard)
  if (leader === undefined || (step !== 1 && step !== 2)) return suspicions
  return [...suspicions, ...others.flatMap(({ name }) => line(step === 1 ? 'wedge' : 'agree', leader.name, name))]
}

function placeOf(index: number, count: number): Place {
  const angle = (2 * Math.PI * index) / Math.max(count, 1) - Math.PI / 2
  return { x: CENTRE.x + RADIUS.x * Math.cos(angle), y: CENTRE.y + RADIUS.y * Math.sin(angle) }
}

const moved = ({ x, y }: Place): { transform: string } => ({
  transform: `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`,
})

const count = (members: number): string => (members === 1 ? '1 member' : `${members} members`)
