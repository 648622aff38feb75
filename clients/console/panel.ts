// A part of the page: a section with a heading, and a sentence that says what is to be seen there.

import { type ComponentChild, type ComponentChildren, h } from 'preact'

export interface PanelParts {
  /** Where links lead, and what the style sheet places. */
  readonly id: string
  readonly title: string
  readonly hint?: ComponentChildren
  readonly children?: ComponentChildren
}

export function Panel({ id, title, hint, children }: PanelParts): ComponentChild {
  return h('section', { id, class: `panel panel-${id}`, 'aria-labelledby': `${id}-title`, tabIndex: -1 }, [
    h('div', { class: 'panel-head' }, [
      h('h2', { id: `${id}-title` }, title),
      hint === undefined ? null : h('p', { class: 'hint' }, hint),
    ]),
    children,
  ])
}
