// Each replica in a line: what the picture shows, in words, and how far it is.

import { type ComponentChild, h } from 'preact'
import { conditionOf, type Group, inOrder, type Sight, suspectedBy } from './group.ts'
import { whole } from './numbers-as-text.ts'

export function MemberTable({ group, attached }: { group: Group; attached: string | undefined }): ComponentChild {
  return h('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Replicas' }, [
    h('table', { class: 'members' }, [
      h('thead', null, [
        h('tr', null, [
          h('th', { scope: 'col' }, 'Replica'),
          h('th', { scope: 'col' }, 'Rank'),
          h('th', { scope: 'col' }, 'State'),
          h('th', { scope: 'col', class: 'number' }, 'Place'),
          h('th', { scope: 'col' }, 'Digest'),
          h('th', { scope: 'col', class: 'number' }, 'Clients'),
        ]),
      ]),
      h(
        'tbody',
        null,
        inOrder(group).map((sight) => h(Row, { key: sight.name, group, sight, here: sight.name === attached })),
      ),
    ]),
  ])
}

function Row({ group, sight, here }: { group: Group; sight: Sight; here: boolean }): ComponentChild {
  const rank = group.view.members.findIndex(({ name }) => name === sight.name)
  const { state } = sight
  const condition = conditionOf(group, sight)
  return h(
    'tr',
    { class: `member member-${condition.replace(' ', '-')}`, 'data-member': sight.name, 'data-state': condition },
    [
      h('th', { scope: 'row' }, [sight.name, here ? h('span', { class: 'tag' }, 'this page') : null]),
      h('td', null, rank < 0 ? '–' : rank === 0 ? '0, coordinates' : rank),
      h('td', { class: 'member-state' }, stateText(group, sight)),
      h('td', { class: 'number' }, state === undefined ? '' : whole(state.seq)),
      h('td', { class: 'mono' }, state?.digest.slice(0, 8) ?? ''),
      h('td', { class: 'number' }, state === undefined ? '' : whole(state.clients)),
    ],
  )
}

function stateText(group: Group, sight: Sight): string {
  const condition = conditionOf(group, sight)
  if (condition === 'suspected') return `suspected by ${suspectedBy(group, sight.name).join(', ')}`
  if (condition === 'blocked') return `blocked: ${sight.state?.reason ?? 'it takes no publishes'}`
  const { position = 0, head = 0 } = sight.state ?? {}
  if (condition === 'catching up' && head > 0) return `catching up, ${Math.floor((100 * position) / head)} %`
  return condition
}
