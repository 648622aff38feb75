// Where this page is attached, which view that replica is in, and whether the page has moved.

import { type ComponentChild, h } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useConsole } from './context.ts'
import type { Move } from './session.ts'
import { useStore } from './store.ts'
import { ThemeChoice } from './theme-choice.ts'

const PARTS = [
  ['play', 'Play'],
  ['group', 'Group'],
  ['order', 'Order'],
  ['numbers', 'Numbers'],
  ['topics', 'Topics'],
  ['watch', 'Watch'],
] as const

export function Header(): ComponentChild {
  const { play } = useConsole()
  const canPlay = useStore(play.playing, ({ state }) => state !== undefined)
  return h('header', { class: 'top' }, [
    h('div', { class: 'brand' }, [
      h('img', { src: '/console/icon.svg', alt: '', width: 28, height: 28 }),
      h('h1', null, 'Lockstep'),
    ]),
    h(
      'nav',
      { 'aria-label': 'Parts of this page' },
      PARTS.filter(([id]) => id !== 'play' || canPlay).map(([id, title]) =>
        h('a', { key: id, href: `#${id}`, onClick: (event: Event) => go(event, id) }, title),
      ),
    ),
    h(Attached, null),
    h(ThemeChoice, null),
    h(MoveNotice, null),
  ])
}

/** The fragment of the address is for resuming: a way to a part of the page must not take its place. */
function go(event: Event, id: string): void {
  event.preventDefault()
  const part = document.getElementById(id)
  part?.focus({ preventScroll: true })
  part?.scrollIntoView()
}

function Attached(): ComponentChild {
  const { session } = useConsole()
  const { replica, connected, primary, reason } = useStore(session.attachment, (attachment) => attachment)
  const number = useStore(session.group, ({ view }) => view.number)
  const state = !connected ? 'lost' : primary ? 'fine' : 'blocked'
  const words = { lost: 'looking for a replica', fine: 'takes publishes', blocked: reason ?? 'takes no publishes' }
  return h('p', { class: `attached attached-${state}`, 'data-replica': connected ? replica : undefined }, [
    h('span', { class: 'dot', 'aria-hidden': 'true' }),
    h('span', null, ['at ', h('strong', null, replica ?? '…')]),
    h('span', null, ['view ', h('strong', { 'data-view': number }, number === 0 ? '…' : number)]),
    h('span', { class: 'attached-state', title: words[state] }, words[state]),
  ])
}

function textOf({ from, to, anew }: Move): string {
  const told = anew ? 'The group has begun anew, without its events.' : 'Nothing is missing, nothing comes twice.'
  return `Replica ${from} was lost, and this page went on at ${to}. ${told}`
}

/** Says so when the page has gone to another replica, until it is put away. */
function MoveNotice(): ComponentChild {
  const { session, announcer } = useConsole()
  const moves = useStore(session.attachment, (attachment) => attachment.moves)
  const [putAway, setPutAway] = useState(0)
  const told = useRef(0)
  const last = moves.at(-1)
  const text = last && textOf(last)
  useEffect(() => {
    if (text === undefined || told.current === last?.at.getTime()) return
    told.current = last?.at.getTime() ?? 0
    announcer.say(text)
  }, [text, last, announcer])
  if (last === undefined || last.at.getTime() === putAway) return null
  return h('div', { class: 'moved', 'data-from': last.from, 'data-to': last.to }, [
    h('p', null, text),
    h('button', { type: 'button', class: 'quiet', onClick: () => setPutAway(last.at.getTime()) }, 'Dismiss'),
  ])
}
