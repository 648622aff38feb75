// What an act leads to, and how it is told.

import test from 'ava'
import { awaited, type Seen, tell, type View } from '../../clients/console/play/consequence.ts'
import type { Act, PlayState } from '../../clients/console/play/play-api.ts'

const ALL: View = { number: 4, members: ['a', 'b', 'c'] }

function after(conditions: Record<string, 'running' | 'paused' | 'killed'>, cut: readonly string[] = []): PlayState {
  const replicas = Object.entries(conditions).map(([name, condition]) => ({ name, url: '', condition }))
  return { replicas, cut, loss: 0 }
}

const RUNNING = { a: 'running', b: 'running', c: 'running' } as const

test('the awaited view has all that run; of a cut, the side with most of the view', (t) => {
  const isAwaited = (act: Act, state: PlayState, members: string[], before: View = ALL): boolean | undefined =>
    awaited(act, state, before)?.({ number: 5, members })
  const kill: Act = { act: 'kill', replica: 'b' }
  t.true(isAwaited(kill, after({ ...RUNNING, b: 'killed' }), ['c', 'a']))
  t.false(isAwaited(kill, after({ ...RUNNING, b: 'killed' }), ['a', 'b', 'c']))
  const cut: Act = { act: 'cut', side: ['a'] }
  t.true(isAwaited(cut, after(RUNNING, ['a']), ['b', 'c']))
  t.false(isAwaited(cut, after(RUNNING, ['a']), ['a']))
  const two: View = { number: 4, members: ['a', 'b'] }
  for (const one of ['a', 'b']) t.true(isAwaited(cut, after({ a: 'running', b: 'running' }, ['a']), [one], two))
  t.true(isAwaited({ act: 'restart', replica: 'c' }, after(RUNNING, ['a']), ['b', 'c'], { ...ALL, members: ['b'] }))
  t.is(isAwaited({ act: 'loss', share: 0.5 }, after(RUNNING), []), undefined)
})

const TOLD: [Seen, string][] = [
  [
    {
      act: { act: 'kill', replica: 'b' },
      state: after({ ...RUNNING, b: 'killed' }),
      before: ALL,
      view: { number: 5, members: ['a', 'c'] },
      ms: 74.3,
    },
    'b was killed: the view changed to 5 without it after 74 ms',
  ],
  [
    {
      act: { act: 'pause', replica: 'a' },
      state: after({ ...RUNNING, a: 'paused' }),
      before: ALL,
      view: { number: 5, members: ['b', 'c'] },
      ms: 1049,
    },
    'a stands still: the view changed to 5 without it after 1.0 s',
  ],
  [
    { act: { act: 'resume', replica: 'a' }, state: after(RUNNING), before: ALL, view: ALL, ms: 2 },
    'a goes on, and was missed by nobody',
  ],
  [
    {
      act: { act: 'resume', replica: 'a' },
      state: after(RUNNING),
      before: { number: 5, members: ['b', 'c'] },
      view: { number: 6, members: ['b', 'c', 'a'] },
      ms: 420,
    },
    'a goes on: put out meanwhile, it caught up, and it is in view 6 after 420 ms',
  ],
  [
    {
      act: { act: 'cut', side: ['a'] },
      state: after(RUNNING, ['a']),
      before: ALL,
      view: { number: 5, members: ['b', 'c'] },
      ms: 1100,
    },
    'a and b and c cannot reach each other: b and c went on in view 5 after 1.1 s; a takes no publishes meanwhile',
  ],
  [
    {
      act: { act: 'kill', replica: 'a' },
      state: after({ a: 'killed', b: 'running', c: 'killed' }),
      before: { number: 5, members: ['a', 'b'] },
      view: undefined,
      ms: 20_000,
    },
    'a was killed: no such view came: with too few left for a quorum, heal, resume, or begin anew',
  ],
  [
    { act: { act: 'loss', share: 0.3 }, state: after(RUNNING), before: ALL, view: ALL, ms: 3 },
    '30 % of all datagrams are lost from now on, and what is missing is sent again',
  ],
  [
    { act: { act: 'heal' }, state: after(RUNNING), before: ALL, view: ALL, ms: 3 },
    'the cut is healed: the view stays 4',
  ],
]

for (const [seen, text] of TOLD) test(text, (t) => t.is(tell(seen), text))
