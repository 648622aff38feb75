// The latest change of view, step by step: what each was for, when it came, and at which replicas.

import { type ComponentChild, h } from 'preact'
import type { Story } from './story.ts'

const NONE = [
  ['Reason', 'a member is suspected, leaves, or asks to be let in'],
  ['Wedge', 'members stop, so that what they hold no longer grows'],
  ['Agreement', 'who has what; what somebody lacks is fetched'],
  ['New view', 'all have delivered the same, and go on'],
] as const

export function ChangeSteps({ story, played }: { story: Story | undefined; played: number }): ComponentChild {
  const steps = story?.steps ?? NONE.map(([name, text]) => ({ name, text, afterMs: undefined, by: [] }))
  return h(
    'ol',
    { class: 'steps', 'aria-label': story ? 'The latest change of view' : 'How a view changes' },
    steps.map(({ name, text, afterMs, by }, i) => {
      const done = afterMs !== undefined && i <= played
      return h(
        'li',
        { key: i, class: `step step-${i}${done ? ' step-done' : ''}${done && i === played ? ' step-now' : ''}` },
        [
          h('span', { class: 'step-name' }, name),
          done
            ? h('span', { class: 'step-time' }, [`+${afterMs} ms `, h('span', { class: 'step-by' }, by.join(' '))])
            : null,
          h('span', { class: 'step-text' }, text),
        ],
      )
    }),
  )
}
