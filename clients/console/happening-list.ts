// What replicas said of themselves and of one another, the newest first. It does not speak by itself: only new views and
// moves are read out.

import { type ComponentChild, h } from 'preact'
import type { Change } from './contract.ts'
import type { Happening } from './group.ts'

const SHOWN_MAX = 60

export function HappeningList({ happenings }: { happenings: readonly Happening[] }): ComponentChild {
  const newest = happenings.slice(-SHOWN_MAX).toReversed()
  return h('details', { class: 'happenings', open: true }, [
    h('summary', null, 'What happened'),
    newest.length === 0
      ? h('p', { class: 'hint' }, 'Nothing yet. Kill a replica, and it is told here.')
      : h(
          'ol',
          { tabIndex: 0, 'aria-label': 'What happened, the newest first' },
          newest.map(({ id, by, heardAt, change }) =>
            h('li', { key: id, class: `happening happening-${change.kind}` }, [
              h('time', { dateTime: new Date(heardAt).toISOString() }, clock(change.at)),
              h('span', { class: 'happening-by' }, by),
              h('span', null, sentence(change)),
            ]),
          ),
        ),
  ])
}

/** With milliseconds: that is what changes of view are made of. */
function clock(at: string): string {
  const time = new Date(at)
  return `${time.toLocaleTimeString('en-GB')}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

function sentence(change: Change): string {
  switch (change.kind) {
    case 'suspected':
      return `suspects ${change.name} (${change.why})`
    case 'suspicion-withdrawn':
      return `hears ${change.name} again`
    case 'wedged':
      return `wedged in view ${change.view}, for ${change.coordinator}`
    case 'change-started':
      return `leads out of view ${change.view}: ${change.why}`
    case 'change-given-up':
      return `gave up leading: ${change.why}`
    case 'view': {
      const names = change.members.map(({ name }) => name).join(' ')
      return `${change.member ? 'installed' : 'learned of'} view ${change.number}: ${names}`
    }
    case 'paused':
      return `was paused for ${Math.round(change.ms)} ms`
    case 'catching-up':
      return `catches up: ${change.position} of ${change.head}`
    case 'took-state':
      return `took over the state of another replica, ${change.bytes} bytes`
    case 'wants-in':
      return 'has caught up, and asks to be let in'
    case 'put-out':
      return `was put out: ${change.why}`
    case 'joiner-not-ready':
      return `does not let ${change.name} in yet: it was not ready`
    case 'joiner-refused':
      return `refuses ${change.name}: ${change.why}`
    case 'refused':
      return `is not let in: ${change.why}`
    case 'blocked':
      return `has no quorum; not heard: ${change.unheard.join(', ')}`
    case 'diverged':
      return `has another state than ${change.name}`
    case 'group-unheard':
      return 'hears no member of the group'
    case 'foreign-history':
      return `hears ${change.name}, of another group`
    case 'namesake':
      return 'hears another process of its name'
    case 'stopped':
      return `stopped: ${change.why}`
    default:
      return (change as { kind: string }).kind
  }
}
