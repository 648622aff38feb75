// Who lives, as far as can be told from here.

import test from 'ava'
import { FailureDetector } from '../../broker/group/failure-detector.ts'
import { DEFAULT_SETTINGS } from '../../broker/group/settings.ts'
import type { Incarnation } from '../../broker/group/view.ts'

const { suspectAfterMs, probeMs, probePingMs } = DEFAULT_SETTINGS
const A = 100
const B = 101

function detector(...heard: Incarnation[]): FailureDetector {
  const detector = new FailureDetector(DEFAULT_SETTINGS)
  for (const incarnation of heard) detector.heard(incarnation, 0)
  return detector
}

/** Ticks every millisecond: when whom to ping, and when whose probe failed. */
function probed(detector: FailureDetector, from: number, to: number): { pings: number[]; failed: number[] } {
  const pings: number[] = []
  const failed: number[] = []
  for (let time = from; time <= to; time++) {
    const now = detector.tick(time)
    for (const _ of now.pings) pings.push(time)
    for (const _ of now.failed) failed.push(time)
  }
  return { pings, failed }
}

test('silence: suspected after suspectAfterMs and not before, and heard again it is not', (t) => {
  const d = detector(A)
  t.true(d.hears(A, suspectAfterMs))
  t.false(d.hears(A, suspectAfterMs + 1))
  d.heard(A, 5000)
  t.true(d.hears(A, 5000))
})

test('never heard: not heard, and not fresh', (t) => {
  const d = detector()
  t.false(d.hears(A, 0))
  t.false(d.fresh(A, 0, 1000))
})

test('fresh: heard within the time that is asked for', (t) => {
  const d = detector(A)
  t.true(d.fresh(A, 150, 150))
  t.false(d.fresh(A, 151, 150))
})

test('a hint about a dead process: pinged three times, suspected after probeMs', (t) => {
  const d = detector(A)
  d.startProbe(A, 10)
  t.deepEqual(probed(d, 10, 200), {
    pings: [10, 10 + probePingMs, 10 + 2 * probePingMs],
    failed: [10 + probeMs],
  })
  t.false(d.hears(A, 100))
  t.true(d.probeFailed(A))
})

test('a pong that is lost: anything else heard late in the probe proves as much', (t) => {
  for (const [at, failed] of [
    [probeMs / 2, []],
    [probeMs / 2 - 1, [probeMs]],
  ] as const) {
    const d = detector()
    d.startProbe(A, 0)
    d.heard(A, at)
    t.deepEqual(probed(d, 0, probeMs + 10).failed, [...failed])
    t.is(d.hears(A, probeMs), failed.length === 0)
    t.is(d.probeFailed(A), failed.length > 0)
  }
})

test('a failed probe: heard a moment ago and suspected all the same; withdrawn when it is heard again', (t) => {
  const d = detector(A)
  d.startProbe(A, 0)
  probed(d, 0, probeMs)
  t.true(d.fresh(A, probeMs, probeMs))
  t.false(d.hears(A, probeMs))
  t.deepEqual(d.everyoneHeard(probeMs), [])
  d.heard(A, probeMs + 1)
  t.true(d.hears(A, probeMs + 1))
  t.false(d.probeFailed(A))
})

test('a hint about a living process: its pong ends the probe, and nothing is suspected', (t) => {
  const d = detector(A)
  d.startProbe(A, 10)
  const [ping] = d.tick(10).pings
  t.is(ping!.to, A)
  t.true(d.pong(A, ping!.number))
  t.deepEqual(probed(d, 11, 200), { pings: [], failed: [] })
  t.true(d.hears(A, 200))
})

test('a pong of another probe, or of another process: ends nothing', (t) => {
  const d = detector(A, B)
  d.startProbe(A, 0)
  const first = d.tick(0).pings[0]!.number
  t.true(d.pong(A, first))
  t.false(d.pong(A, first), 'comes twice')
  d.startProbe(A, 1)
  t.false(d.pong(A, first))
  const second = d.tick(1).pings[0]!.number
  t.false(d.pong(B, second))
  t.deepEqual(probed(d, 2, 100).failed, [1 + probeMs])
})

test('hint upon hint: one probe, from the first, and none of a process whose probe has failed', (t) => {
  const d = detector(A)
  d.startProbe(A, 0)
  d.startProbe(A, 30)
  t.deepEqual(probed(d, 0, 100), { pings: [0, probePingMs, 2 * probePingMs], failed: [probeMs] })
  d.startProbe(A, 101)
  t.deepEqual(probed(d, 101, 200), { pings: [], failed: [] })
})

test('a late tick: one ping, not those that were missed', (t) => {
  const d = detector(A)
  d.startProbe(A, 0)
  t.is(d.tick(2 * probePingMs).pings.length, 1)
})

test('who is no member and long silent: forgotten; a member is kept, and its suspicion with it', (t) => {
  const d = detector(A, B)
  const age = 2 * suspectAfterMs
  d.startProbe(A, 0)
  d.startProbe(B, 0)
  probed(d, 0, probeMs)
  d.keepOnly(new Set([A]), age)
  t.true(d.probeFailed(B), 'not silent for long enough')
  d.keepOnly(new Set([A]), age + 1)
  t.true(d.fresh(A, age + 1, age + 1))
  t.true(d.probeFailed(A))
  t.false(d.fresh(B, age + 1, age + 1))
  t.false(d.probeFailed(B))
})

test('a probe of who is of no concern any more: given up', (t) => {
  const d = detector(A, B)
  d.startProbe(A, 0)
  d.startProbe(B, 0)
  d.keepOnly(new Set([A]), 1)
  t.deepEqual(d.tick(probeMs).failed, [A])
})

test('everyone heard: in the order of their incarnations, without the silent and the suspected', (t) => {
  const d = detector(300, 100, 200, 400)
  d.startProbe(400, 0)
  probed(d, 0, probeMs)
  d.heard(100, 900)
  d.heard(300, 900)
  t.deepEqual(d.everyoneHeard(900), [100, 200, 300])
  t.deepEqual(d.everyoneHeard(1100), [100, 300])
})
