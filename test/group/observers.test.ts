// The processes outside: how many are known, for how long, and who has to wait.

import test from 'ava'
import { FailureDetector } from '../../broker/group/failure-detector.ts'
import { type Observer, Observers } from '../../broker/group/observers.ts'
import { DEFAULT_SETTINGS } from '../../broker/group/settings.ts'

const { suspectAfterMs, joinerBanMs, joinerBanMaxMs, flapMemoryMs } = DEFAULT_SETTINGS

const observer = (incarnation: number, more: Partial<Observer> = {}): Observer => ({
  member: { name: `o${incarnation}`, incarnation, url: '' },
  heard: [],
  wantsIn: true,
  settingsFit: true,
  ...more,
})

function hearing(...incarnations: number[]): FailureDetector {
  const detector = new FailureDetector(DEFAULT_SETTINGS)
  for (const incarnation of incarnations) detector.heard(incarnation, 0)
  return detector
}

const names = (observers: Observers, detector: FailureDetector, time: number): number[] =>
  observers.candidates(detector, time).map(({ member }) => member.incarnation)

test('more than observersMax: a new one is not taken, one that is known is, and one that is gone makes room', (t) => {
  const observers = new Observers({ ...DEFAULT_SETTINGS, observersMax: 2 })
  t.true(observers.add(observer(1)))
  t.true(observers.add(observer(2, { wantsIn: false })))
  t.false(observers.add(observer(3)))
  t.true(observers.add(observer(2)))
  const detector = hearing(1, 2)
  t.deepEqual(names(observers, detector, 0), [1, 2])
  detector.heard(2, suspectAfterMs)
  observers.tick(detector, suspectAfterMs + 1)
  t.deepEqual(observers.incarnations(), [2], 'the silent one is forgotten')
  t.true(observers.add(observer(3)))
})

test('candidates: those that want in, have the same settings and are heard', (t) => {
  const observers = new Observers(DEFAULT_SETTINGS)
  for (const one of [observer(4), observer(1), observer(2, { wantsIn: false }), observer(3, { settingsFit: false })])
    observers.add(one)
  t.deepEqual(names(observers, hearing(1, 2, 3), 0), [1])
  t.deepEqual(names(observers, hearing(1, 2, 3, 4), 0), [1, 4], 'in a fixed order')
})

test('bans: twice as long each time up to a bound, over by themselves, and forgotten long after', (t) => {
  const observers = new Observers(DEFAULT_SETTINGS)
  const { member } = observer(1)
  observers.add(observer(1))
  const detector = hearing(1)
  t.is(observers.ban(member, 0), joinerBanMs)
  t.deepEqual(names(observers, detector, joinerBanMs - 1), [])
  t.deepEqual(names(observers, detector, joinerBanMs), [1])
  t.is(observers.ban(member, 0), 2 * joinerBanMs)
  for (let i = 0; i < 20; i++) observers.ban(member, 0)
  t.is(observers.ban(member, 0), joinerBanMaxMs)
  observers.tick(detector, 5 * joinerBanMaxMs + 1)
  t.is(observers.ban(member, 0), joinerBanMs, 'it begins anew')
})

test('put out again and again: waits longer each time, by name, until it has been well for long', (t) => {
  const observers = new Observers(DEFAULT_SETTINGS)
  const { member } = observer(1)
  observers.add(observer(1))
  const detector = hearing(1)
  observers.excluded(member, 0)
  t.deepEqual(names(observers, detector, 0), [1], 'at once after the first time')
  observers.excluded({ ...member, incarnation: 9 }, 0)
  t.deepEqual(names(observers, detector, joinerBanMs - 1), [], 'a new incarnation is the same name')
  t.deepEqual(names(observers, detector, joinerBanMs), [1])
  detector.heard(1, flapMemoryMs + 1)
  observers.tick(detector, flapMemoryMs + 1)
  observers.excluded(member, flapMemoryMs + 1)
  t.deepEqual(names(observers, detector, flapMemoryMs + 1), [1])
})
