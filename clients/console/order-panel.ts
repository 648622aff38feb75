// The total order, flowing: a lane for each replica, and the same places under each other. What has not arrived somewhere yet
// is hollow there. It stands still while somebody looks into it, by pause, pointer or keyboard.

import { type ComponentChild, h } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useConsole } from './context.ts'
import { whole } from './numbers-as-text.ts'
import type { Column, Order } from './order.ts'
import { Panel } from './panel.ts'
import { useStore } from './store.ts'
import { coloured } from './topic-colour.ts'

const COLUMN_WIDTH = 46
/** The strip begins anew then, before its places are too far out for a browser. */
const STRIP_MAX = 10_000
const MOVES: { readonly [key: string]: number } = { ArrowLeft: -1, ArrowRight: 1, PageUp: -8, PageDown: 8 }

export function OrderPanel(): ComponentChild {
  const { session, lanes } = useConsole()
  const members = useStore(session.group, ({ view }) => view.members)
  const order = useStore(lanes.order, (state) => state)
  const [paused, setPaused] = useState(false)
  const [held, setHeld] = useState<Order | undefined>(undefined)
  const [chosen, setChosen] = useState<number | undefined>(undefined)
  const [track, width] = useWidth()
  const hold = (wanted: boolean): void => setHeld(wanted ? (held ?? order) : undefined)
  const shown = held ?? order
  const columns = shown.columns.slice(-Math.max(1, Math.floor(width / COLUMN_WIDTH)))
  const end = shown.dropped + shown.columns.length
  const stripFrom = shown.dropped - (shown.dropped % STRIP_MAX)
  const xOf = (ordinal: number): number => (ordinal - stripFrom) * COLUMN_WIDTH
  const names = members.map(({ name }) => name)
  const { every } = shown.sampling
  const selected = columns.find(({ seq }) => seq === chosen)
  const pause = (): void => {
    hold(!paused)
    setPaused(!paused)
  }
  return h(
    Panel,
    {
      id: 'order',
      title: 'The order',
      hint:
        every === 1
          ? 'Every event, at every replica.'
          : `Every ${whole(every)}th place is shown, the same at every replica.`,
    },
    [
      h('div', { class: 'lanes' }, [
        h(
          'div',
          { class: 'lane-names', 'aria-hidden': 'true' },
          names.map((name) => h('span', { key: name, class: 'lane-name' }, name)),
        ),
        h(
          'div',
          {
            ref: track,
            class: 'track',
            style: { '--lanes': Math.max(1, names.length) },
            role: 'group',
            'aria-label': 'Places of the order, the newest last; arrow keys move between them',
            onFocusIn: () => hold(true),
            onFocusOut: () => !paused && hold(false),
            onPointerEnter: () => hold(true),
            onPointerLeave: () => !paused && hold(false),
            onKeyDown: (event: KeyboardEvent) => walk(event, track.current),
          },
          columns.length === 0
            ? h('p', { class: 'hint' }, 'Nothing has been published yet.')
            : h(
                'div',
                { key: stripFrom, class: 'strip', style: { transform: `translateX(${width - xOf(end)}px)` } },
                columns.map((column, i) =>
                  h(ColumnOf, {
                    key: column.seq,
                    column,
                    names,
                    x: xOf(end - columns.length + i),
                    entry: selected === undefined ? i === columns.length - 1 : column === selected,
                    pressed: column === selected,
                    onChoose: () => setChosen(column.seq === chosen ? undefined : column.seq),
                  }),
                ),
              ),
        ),
      ]),
      h('div', { class: 'order-foot' }, [
        h('button', { type: 'button', class: 'quiet small', 'aria-pressed': paused, onClick: pause }, 'Pause'),
        selected === undefined
          ? h('p', { class: 'hint' }, 'The same places, in the same order, in every lane. Choose one to look into it.')
          : h(Details, { column: selected }),
      ]),
    ],
  )
}

interface ColumnParts {
  readonly column: Column
  readonly names: readonly string[]
  /** Pixels from the beginning of the strip. */
  readonly x: number
  /** Where the keyboard comes in. */
  readonly entry: boolean
  readonly pressed: boolean
  readonly onChoose: () => void
}

function ColumnOf({ column, names, x, entry, pressed, onChoose }: ColumnParts): ComponentChild {
  const { seq, view, topic, at } = column
  const what = view === undefined ? topic : `view ${view}`
  const everywhere = names.every((name) => at.includes(name))
  return h(
    'button',
    {
      type: 'button',
      class: `column${view === undefined ? '' : ' column-view'}`,
      style: { ...coloured(topic), left: `${x}px` },
      tabIndex: entry ? 0 : -1,
      'aria-pressed': pressed,
      'data-seq': seq,
      onClick: onChoose,
    },
    [
      h('span', { class: 'unseen' }, `Place ${seq}, ${what}, at ${everywhere ? 'every replica' : at.join(', ')}`),
      ...names.map((name) => {
        const here = at.includes(name)
        const short = view === undefined ? shortSeq(seq) : `v${view}`
        const parts = {
          key: name,
          class: here ? 'cell' : 'cell cell-hollow',
          'data-lane': name,
          'aria-hidden': 'true' as const,
        }
        return h('span', parts, here ? short : '')
      }),
    ],
  )
}

function Details({ column }: { column: Column }): ComponentChild {
  const { seq, view, topic, offset, key, time, text, at } = column
  return h('div', { class: 'details' }, [
    h('p', null, [
      h('strong', null, `Place ${whole(seq)}`),
      view === undefined ? ` · ${topic}, offset ${whole(offset)}` : ` · view ${view}`,
      key === undefined ? null : ` · key ${key}`,
      ` · ${time} · at ${at.join(', ')}`,
    ]),
    h('code', null, text),
  ])
}

/** Its last digits: neighbours differ in these. */
const shortSeq = (seq: number): string => (seq < 100_000 ? String(seq) : `…${String(seq).slice(-4)}`)

function walk(event: KeyboardEvent, track: HTMLElement | null): void {
  const columns = [...(track?.querySelectorAll<HTMLElement>('.column') ?? [])]
  const now = columns.indexOf(document.activeElement as HTMLElement)
  const to = { Home: 0, End: columns.length - 1 }[event.key] ?? now + (MOVES[event.key] ?? Number.NaN)
  if (now === -1 || Number.isNaN(to)) return
  event.preventDefault()
  columns[Math.min(columns.length - 1, Math.max(0, to))]?.focus()
}

function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const element = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (element.current === null) return
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0))
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [])
  return [element, width]
}
