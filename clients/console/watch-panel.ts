// Watching topics: a form that says what, and the newest events below it.

import { type ComponentChild, h } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useConsole } from './context.ts'
import { LEVELS, type Level, topicsIn, type WatchPlace } from './link.ts'
import { whole } from './numbers-as-text.ts'
import { Panel } from './panel.ts'
import { useStore } from './store.ts'
import { WatchRow } from './watch-row.ts'

const MEANING: { readonly [level in Level]: string } = {
  fifo: 'Soonest: each publisher in its own order. May be taken back.',
  causal: 'An answer never comes before its question. May be taken back.',
  agreed: 'In the order that everybody is shown. May be taken back.',
  safe: 'Every member of the view holds it. Never taken back.',
}
/** Behind the order by more than so many places: said, with a way out. */
const BEHIND_SHOWN = 1000

export function WatchPanel(): ComponentChild {
  const { watch } = useConsole()
  const place = useStore(watch.watching, (state) => state.place)
  return h(Panel, { id: 'watch', title: 'Watch', hint: 'Any topics, as early or as safe as you like.' }, [
    h(WatchForm, { key: place === undefined ? '' : `${place.topics} ${place.order}`, place }),
    place === undefined ? null : h(Watched, { place }),
  ])
}

function WatchForm({ place }: { place: WatchPlace | undefined }): ComponentChild {
  const { watch, announcer } = useConsole()
  const [topics, setTopics] = useState(place?.topics.join(', ') ?? '>')
  const [order, setOrder] = useState<Level>(place?.order ?? 'safe')
  const [from, setFrom] = useState('now')
  const begin = (event: Event): void => {
    event.preventDefault()
    const names = topicsIn(topics)
    if (names.length === 0) return
    watch.begin({ topics: names, order, from: from.trim() || 'now' })
    announcer.say(`Watching ${names.join(', ')}.`)
  }
  return h('form', { class: 'watch-form', onSubmit: begin, 'aria-label': 'What to watch' }, [
    h('label', { class: 'field' }, [
      h('span', { class: 'field-label' }, 'Topics and wildcards'),
      h('input', {
        type: 'text',
        autocomplete: 'off',
        spellcheck: false,
        value: topics,
        onInput: (event: Event) => setTopics((event.currentTarget as HTMLInputElement).value),
      }),
    ]),
    h('fieldset', { class: 'levels' }, [
      h('legend', null, 'Level'),
      ...LEVELS.map((level) =>
        h('label', { key: level, class: 'level' }, [
          h('input', {
            type: 'radio',
            name: 'level',
            value: level,
            checked: level === order,
            onChange: () => setOrder(level),
          }),
          h('span', null, level),
        ]),
      ),
    ]),
    h('label', { class: 'field from' }, [
      h('span', { class: 'field-label' }, 'From'),
      h('input', {
        type: 'text',
        list: 'froms',
        autocomplete: 'off',
        value: from,
        onInput: (event: Event) => setFrom((event.currentTarget as HTMLInputElement).value),
      }),
      h('datalist', { id: 'froms' }, [h('option', { value: 'now' }), h('option', { value: 'start' })]),
    ]),
    h('button', { type: 'submit' }, 'Watch'),
    h('p', { class: 'hint level-meaning' }, `${MEANING[order]} From: now, start, a place, or a time.`),
  ])
}

function Watched({ place }: { place: WatchPlace }): ComponentChild {
  const { watch, session } = useConsole()
  const { rows, count, seq, ended } = useStore(watch.watching, (state) => state)
  const head = useStore(session.group, ({ sights }) =>
    Math.max(0, ...[...sights.values()].map(({ state }) => state?.seq ?? 0)),
  )
  const behind = ended === undefined && rows.length > 0 && head - seq > BEHIND_SHOWN ? head - seq : 0
  return h('div', { class: 'watched', 'data-count': count }, [
    h('div', { class: 'watched-head' }, [
      h('p', null, [
        h('strong', null, whole(count)),
        ` events of ${place.topics.join(', ')} at `,
        h('strong', null, place.order),
        ended === undefined ? null : `; ended${ended === '' ? '' : `: ${ended}`}`,
      ]),
      h(CopyLink, null),
      ended === undefined
        ? h('button', { type: 'button', class: 'quiet small', onClick: () => watch.stop() }, 'Stop')
        : null,
    ]),
    behind === 0
      ? null
      : h('p', { class: 'behind' }, [
          `${whole(behind)} places behind: more comes than can be shown. `,
          h(
            'button',
            { type: 'button', class: 'quiet small', onClick: () => watch.begin({ ...place, from: 'now' }) },
            'Go on from now',
          ),
        ]),
    h(
      'ol',
      { class: 'rows', tabIndex: 0, 'aria-label': 'Events, the newest first' },
      rows.toReversed().map((row) => h(WatchRow, { key: row.id, row })),
    ),
  ])
}

function CopyLink(): ComponentChild {
  const { watch, announcer } = useConsole()
  const [copied, setCopied] = useState('')
  useEffect(() => {
    if (copied === '') return
    const timer = setTimeout(() => setCopied(''), 4000)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = async (): Promise<void> => {
    const link = watch.link()
    // Only pages of a trusted origin may use the clipboard; the link is in the address bar in any case.
    const done = await navigator.clipboard?.writeText(link).then(
      () => true,
      () => false,
    )
    const said = done === true ? 'Copied.' : 'The address of this page is the link.'
    setCopied(said)
    announcer.say(said)
  }
  return h('span', { class: 'copy' }, [
    h('button', { type: 'button', class: 'quiet small', onClick: copy }, 'Link to go on here'),
    copied === '' ? null : h('span', { class: 'hint' }, ` ${copied}`),
  ])
}
