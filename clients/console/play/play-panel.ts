// Play: what can be done to the group, what it led to, and the promises, judged all the while. It is only there where
// the group can be played with.

import { type ComponentChild, h } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { useConsole } from '../context.ts'
import { whole } from '../numbers-as-text.ts'
import { Panel } from '../panel.ts'
import { useStore } from '../store.ts'
import type { Check, ReaderState } from './checks.ts'
import type { Told } from './play.ts'
import type { Act, PlayedReplica, PlayState } from './play-api.ts'

type Do = (act: Act) => void

const AT_REST_MS = 300

const HINT =
  'This group lives in one process and is there to be hurt. Do to it what bad days do, and see whether it keeps its promises.'

export function PlayPanel(): ComponentChild {
  const { play } = useConsole()
  const { state, busy, refused, told, loaded, checks, readers } = useStore(play.playing, (playing) => playing)
  if (state === undefined) return null
  const act: Do = (what) => play.act(what)
  return h(Panel, { id: 'play', title: 'Play', hint: HINT }, [
    h('div', { class: 'play', 'aria-busy': busy }, [
      h(
        'ul',
        { class: 'play-replicas' },
        state.replicas.map((replica) => {
          const reader = readers.find(({ name }) => name === replica.name)
          return h(Replica, { key: replica.name, replica, reader, state, act })
        }),
      ),
      h('div', { class: 'play-tools' }, [
        h(Cut, { state, act }),
        h(Loss, { state, busy, act }),
        h('div', { class: 'play-load' }, [
          h(
            'button',
            { type: 'button', 'aria-pressed': loaded, onClick: () => (loaded ? play.stopLoad() : play.startLoad()) },
            loaded ? 'Stop the events' : 'Publish events, and judge',
          ),
          h('button', { type: 'button', class: 'quiet', onClick: () => act({ act: 'anew' }) }, 'Begin anew'),
        ]),
      ]),
      refused === undefined ? null : h('p', { class: 'refused', role: 'alert' }, refused),
      told.length === 0 ? null : h(Story, { told }),
      checks.length === 0
        ? h('p', { class: 'hint' }, 'With events under way, what the group promises is judged here.')
        : h(Promises, { checks }),
    ]),
  ])
}

interface ReplicaParts {
  readonly replica: PlayedReplica
  /** What clients are shown there; undefined: nobody reads. */
  readonly reader: ReaderState | undefined
  readonly state: PlayState
  readonly act: Do
}

function Replica({ replica, reader, state, act }: ReplicaParts): ComponentChild {
  const { name, condition } = replica
  const last = condition === 'running' && state.replicas.filter((one) => one.condition === 'running').length === 1
  const button = (what: 'pause' | 'resume' | 'kill' | 'restart', label: string): ComponentChild =>
    h(
      'button',
      {
        type: 'button',
        class: 'quiet small',
        'aria-label': `${label} ${name}`,
        disabled: last,
        title: last ? 'It is the last that runs, and takes the orders.' : undefined,
        onClick: () => act({ act: what, replica: name }),
      },
      label,
    )
  return h(
    'li',
    { class: `play-replica play-replica-${condition}`, 'data-replica': name, 'data-condition': condition },
    [
      h('span', { class: 'play-name' }, name),
      h('span', { class: 'play-condition' }, condition),
      reader === undefined || reader.digestAt === 0 ? null : h(Digest, { reader }),
      condition === 'paused' ? button('resume', 'Resume') : condition === 'running' ? button('pause', 'Pause') : null,
      condition === 'killed' ? button('restart', 'Restart') : button('kill', 'Kill'),
    ],
  )
}

function Cut({ state, act }: { state: PlayState; act: Do }): ComponentChild {
  const names = state.replicas.map(({ name }) => name)
  const [side, setSide] = useState<readonly string[]>(names.slice(0, 1))
  const isCut = state.cut.length > 0
  const shown = isCut ? state.cut : side
  const toggle = (name: string): void =>
    setSide(
      side.includes(name)
        ? side.filter((one) => one !== name)
        : names.filter((one) => one === name || side.includes(one)),
    )
  const can = side.length > 0 && side.length < names.length
  return h('fieldset', { class: 'play-cut' }, [
    h('legend', null, 'Cut the fabric'),
    h('span', null, 'between'),
    names.map((name) =>
      h('label', { key: name, class: 'play-side' }, [
        h('input', {
          type: 'checkbox',
          checked: shown.includes(name),
          disabled: isCut,
          'aria-label': `${name} on this side`,
          onChange: () => toggle(name),
        }),
        name,
      ]),
    ),
    h('span', null, 'and the others'),
    isCut
      ? h('button', { type: 'button', class: 'small', onClick: () => act({ act: 'heal' }) }, 'Heal')
      : h(
          'button',
          { type: 'button', class: 'quiet small', disabled: !can, onClick: () => act({ act: 'cut', side }) },
          'Cut',
        ),
  ])
}

function Loss({ state, busy, act }: { state: PlayState; busy: boolean; act: Do }): ComponentChild {
  /** What was chosen here, until it is done: an answer to what was chosen before must not move it. */
  const [chosen, setChosen] = useState<number | undefined>(undefined)
  const resting = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const percent = chosen ?? Math.round(state.loss * 100)
  const id = useId()
  useEffect(() => () => clearTimeout(resting.current), [])
  useEffect(() => {
    if (!busy && resting.current === undefined) setChosen(undefined)
  }, [busy])
  // With the keyboard it goes by small steps; only where it comes to rest is meant.
  const choose = (share: number): void => {
    setChosen(share)
    clearTimeout(resting.current)
    resting.current = setTimeout(() => {
      resting.current = undefined
      act({ act: 'loss', share: share / 100 })
    }, AT_REST_MS)
  }
  return h('p', { class: 'play-loss' }, [
    h('label', { for: id }, 'Lose datagrams'),
    h('input', {
      id,
      type: 'range',
      min: 0,
      max: 90,
      step: 5,
      value: percent,
      'aria-valuetext': `${percent} per cent`,
      onInput: (event: Event) => choose(Number((event.currentTarget as HTMLInputElement).value)),
    }),
    h('output', { for: id }, `${percent} %`),
  ])
}

function Story({ told }: { told: readonly Told[] }): ComponentChild {
  return h(
    'ol',
    { class: 'play-told', tabIndex: 0, 'aria-label': 'What it led to, the newest first' },
    told
      .toReversed()
      .map(({ id, at, text }) =>
        h('li', { key: id }, [
          h('time', { dateTime: at.toISOString() }, at.toLocaleTimeString('en-GB')),
          h('span', null, text),
        ]),
      ),
  )
}

function Promises({ checks }: { checks: readonly Check[] }): ComponentChild {
  return h(
    'ul',
    { class: 'play-checks', 'aria-label': 'What the group promises, and whether it holds' },
    checks.map(({ id, guarantees, promise, checked, broken }) => {
      const state = broken !== undefined ? 'broken' : checked === 0 ? 'waiting' : 'holds'
      return h('li', { key: id, class: `check check-${state}`, 'data-check': id, 'data-state': state }, [
        h('strong', null, guarantees),
        h('span', { class: 'check-promise' }, [promise, broken === undefined ? null : h('strong', null, broken)]),
        h('span', { class: 'check-count', 'data-checked': checked }, checked === 0 ? '' : `${whole(checked)} checked`),
        h('span', { class: 'check-state' }, state === 'waiting' ? 'nothing yet' : state),
      ])
    }),
  )
}

/** The order as it is shown at one replica, up to a place: the same digest wherever the place is the same. */
function Digest({ reader: { digestAt, digest } }: { reader: ReaderState }): ComponentChild {
  const title = 'A digest of the order that it shows, up to this place: at the same place, the same at all'
  return h('span', { class: 'play-digest', title }, [
    `order to ${whole(digestAt)}: `,
    h('span', { class: 'mono' }, digest),
  ])
}
