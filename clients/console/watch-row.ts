// One line of what is watched. It is drawn again only when its event is kept or taken back.

import { type ComponentChild, h } from 'preact'
import { useState } from 'preact/hooks'
import { whole } from './numbers-as-text.ts'
import { coloured } from './topic-colour.ts'
import type { Fate, Row } from './watch.ts'

const FATES: { readonly [fate in Fate]: string } = {
  early: 'early',
  kept: 'kept',
  placed: '',
  'taken back': 'taken back',
}

const LINE_LENGTH = 240

export function WatchRow({ row }: { row: Row }): ComponentChild {
  const [open, setOpen] = useState(false)
  if (row.kind !== 'event') {
    return h('li', { class: `row row-${row.kind}` }, [
      h('span', { class: 'row-seq' }, row.kind === 'view' ? whole(row.seq) : 'gap'),
      h('span', { class: 'row-text' }, row.text),
    ])
  }
  const { seq, topic, key, time, text, fate } = row
  const fateClass = fate.replace(' ', '-')
  return h(
    'li',
    { class: `row row-event row-${fateClass}`, style: coloured(topic), 'data-seq': seq, 'data-fate': fate },
    [
      h('span', { class: 'row-seq' }, seq === undefined ? '…' : whole(seq)),
      h('span', { class: 'row-topic' }, topic),
      fate === 'placed' ? null : h('span', { class: `row-fate row-fate-${fateClass}` }, FATES[fate]),
      h(
        'button',
        { type: 'button', class: 'row-text', 'aria-expanded': open, onClick: () => setOpen(!open) },
        text.length > LINE_LENGTH ? `${text.slice(0, LINE_LENGTH)}…` : text,
      ),
      open
        ? h('div', { class: 'row-all' }, [
            h('p', null, `${time}${key === undefined ? '' : `, key ${key}`}`),
            h('pre', null, pretty(text)),
          ])
        : null,
    ],
  )
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text // It was cut short.
  }
}
