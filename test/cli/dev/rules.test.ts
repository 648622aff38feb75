import test from 'ava'
import { afterAct, areCut } from '../../../broker/cli/dev/rules.ts'
import { BrokerError, type ErrorCode } from '../../../broker/errors.ts'
import type { Act, Condition, PlayState } from '../../../broker/http/play.ts'

function stateOf(conditions: Record<string, Condition>, rest: Partial<PlayState> = {}): PlayState {
  const replicas = Object.entries(conditions).map(([name, condition], i) => ({
    name,
    url: `http://127.0.0.1:${7400 + i}`,
    condition,
  }))
  return { replicas, cut: [], loss: 0, ...rest }
}

const conditionsOf = ({ replicas }: PlayState): Record<string, Condition> =>
  Object.fromEntries(replicas.map(({ name, condition }) => [name, condition]))

const ALL = { a: 'running', b: 'running', c: 'running' } as const

test('pause, resume, kill, restart: only the one replica changes', (t) => {
  const steps: [Act, Condition][] = [
    [{ act: 'pause', replica: 'b' }, 'paused'],
    [{ act: 'resume', replica: 'b' }, 'running'],
    [{ act: 'pause', replica: 'b' }, 'paused'],
    [{ act: 'kill', replica: 'b' }, 'killed'],
    [{ act: 'restart', replica: 'b' }, 'running'],
    [{ act: 'kill', replica: 'b' }, 'killed'],
  ]
  let state = stateOf(ALL)
  for (const [act, condition] of steps) {
    state = afterAct(state, act)
    t.deepEqual(conditionsOf(state), { ...ALL, b: condition }, act.act)
  }
})

test('cut, heal and loss; anew undoes everything', (t) => {
  const cut = afterAct(stateOf(ALL), { act: 'cut', side: ['a'] })
  t.deepEqual(cut.cut, ['a'])
  t.deepEqual(
    [areCut(cut, 'a', 'b'), areCut(cut, 'c', 'a'), areCut(cut, 'b', 'c'), areCut(stateOf(ALL), 'a', 'b')],
    [true, true, false, false],
  )
  t.deepEqual(afterAct(cut, { act: 'heal' }).cut, [])
  t.is(afterAct(cut, { act: 'loss', share: 0.25 }).loss, 0.25)
  const worst = stateOf({ a: 'running', b: 'killed', c: 'paused' }, { cut: ['c'], loss: 0.9 })
  t.deepEqual(afterAct(worst, { act: 'anew' }), stateOf(ALL))
})

const refused: [string, PlayState, Act, ErrorCode, RegExp][] = [
  ['nobody of that name', stateOf(ALL), { act: 'kill', replica: 'x' }, 'NOT_FOUND', /no replica "x".*a, b, c/],
  ['paused twice', stateOf({ ...ALL, b: 'paused' }), { act: 'pause', replica: 'b' }, 'CONFLICT', /is paused, not/],
  ['runs already', stateOf(ALL), { act: 'restart', replica: 'a' }, 'CONFLICT', /a is running, not killed/],
  ['not paused', stateOf(ALL), { act: 'resume', replica: 'a' }, 'CONFLICT', /a is running, not paused/],
  ['killed twice', stateOf({ ...ALL, b: 'killed' }), { act: 'kill', replica: 'b' }, 'CONFLICT', /b is killed, not/],
  [
    'the last that runs is killed',
    stateOf({ a: 'running', b: 'paused', c: 'killed' }),
    { act: 'kill', replica: 'a' },
    'CONFLICT',
    /a is the last/,
  ],
  ['the last that runs is paused', stateOf({ a: 'running' }), { act: 'pause', replica: 'a' }, 'CONFLICT', /the last/],
  ['all on one side', stateOf(ALL), { act: 'cut', side: ['c', 'a', 'b'] }, 'MALFORMED', /leave a replica/],
  ['a stranger on one side', stateOf(ALL), { act: 'cut', side: ['a', 'x'] }, 'NOT_FOUND', /"x"/],
]

for (const [title, state, act, code, message] of refused) {
  test(`refused: ${title}`, (t) => {
    const error = t.throws(() => afterAct(state, act), { instanceOf: BrokerError, message })
    t.is(error.code, code)
  })
}

test('the last that runs cannot be killed, but one that is paused can', (t) => {
  const state = stateOf({ a: 'running', b: 'paused' })
  t.deepEqual(conditionsOf(afterAct(state, { act: 'kill', replica: 'b' })), { a: 'running', b: 'killed' })
})
