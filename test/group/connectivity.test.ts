// Who is connected to whom, and whether that calls for a change.

import test from 'ava'
import { Connectivity } from '../../broker/group/connectivity.ts'
import { DEFAULT_SETTINGS } from '../../broker/group/settings.ts'
import type { Ranks } from '../../broker/group/view.ts'

const { heartbeatMs, calmMs } = DEFAULT_SETTINGS
const ALL = 0b11111

/** Of five, seen by rank 2; what nobody has said yet is taken as hearing all. */
function five(reports: Record<number, Ranks> = {}, optimistic = true): Connectivity {
  const connectivity = new Connectivity(5, 2, DEFAULT_SETTINGS, optimistic)
  for (const [rank, hears] of Object.entries(reports)) connectivity.report(Number(rank), hears, false, false)
  return connectivity
}

test('connected: those that I hear and that hear me, and always myself', (t) => {
  t.is(five().connectedTo(ALL), ALL)
  t.is(five().connectedTo(0b01110), 0b01110, 'not whom I do not hear')
  t.is(five({ 0: 0b11011, 4: 0b00100 }).connectedTo(ALL), 0b11110, 'a does not hear me; e hears only me')
  t.is(five().connectedTo(0), 0b00100)
})

test('at a first start nobody has said anything: connected to nobody until it speaks', (t) => {
  const c = five({}, false)
  t.is(c.connectedTo(ALL), 0b00100)
  c.report(4, ALL, false, false)
  t.is(c.connectedTo(ALL), 0b10100)
})

test('two others that report not to hear each other: apart after 1.5 heartbeats [c6]', (t) => {
  const c = five({ 0: 0b11101 })
  c.tick(1000, ALL, ALL)
  t.false(c.pairApart(1000 + 1.5 * heartbeatMs))
  t.true(c.pairApart(1001 + 1.5 * heartbeatMs))
})

test('a pair that is connected again in between: the time begins anew [c6]', (t) => {
  const c = five({ 0: 0b11101 })
  c.tick(1000, ALL, ALL)
  c.report(0, ALL, false, false)
  c.tick(1050, ALL, ALL)
  t.false(c.pairApart(5000))
  c.report(1, 0b11110, false, false)
  c.tick(1060, ALL, ALL)
  c.tick(1100, ALL, ALL)
  t.false(c.pairApart(1060 + 1.5 * heartbeatMs))
  t.true(c.pairApart(1061 + 1.5 * heartbeatMs), 'counted from the first tick that sees it')
})

test('a link of my own that is broken: no pair of others, it shows in whom I hear', (t) => {
  const c = five({ 0: 0b11011 })
  c.tick(1000, 0b11110, ALL)
  t.false(c.pairApart(9000))
})

test('without a quorum by fresh evidence: starts no change, nor for calmMs after [c12]', (t) => {
  const c = five()
  c.tick(1000, ALL, 0b00111)
  t.true(c.maySeeAndStart(1000), 'three of five')
  c.tick(1010, ALL, 0b00110)
  t.false(c.maySeeAndStart(1010))
  t.false(c.maySeeAndStart(9000), 'as long as no tick says otherwise')
  c.tick(1020, ALL, 0b00110)
  c.tick(1030, ALL, ALL)
  t.false(c.maySeeAndStart(1019 + calmMs))
  t.true(c.maySeeAndStart(1020 + calmMs))
})

test('heard of late by a quorum that does not hear me: no evidence [c12]', (t) => {
  const c = five({ 0: 0b11011, 1: 0b11011, 3: 0b11011 })
  c.tick(1000, ALL, ALL)
  t.false(c.maySeeAndStart(1000))
})

test('fresh but suspected: no evidence [c12]', (t) => {
  const c = five()
  c.tick(1000, 0b00110, ALL)
  t.false(c.maySeeAndStart(1000))
})

test('the leader: the lowest rank connected to me that hears a quorum', (t) => {
  t.is(five().leader(ALL), 0)
  t.is(five().leader(0b11110), 1, 'a is suspected here')
  t.is(five({ 0: 0b11011 }).leader(ALL), 1, 'a does not hear me')
  t.is(five({ 0: 0b00101 }).leader(ALL), 1, 'a hears no quorum')
  t.is(five({ 0: 0b00101, 1: 0b00110 }).leader(ALL), 2, 'I do')
})

test('I hear no quorum: a higher rank that does leads; when nobody does, nobody', (t) => {
  t.is(five().leader(0b01100), 3)
  t.is(five({ 3: 0b01100 }).leader(0b01100), -1)
})

test('half of a view: leads with rank 0 in it, without it does not', (t) => {
  const c = new Connectivity(4, 1, DEFAULT_SETTINGS, true)
  c.report(0, 0b0011, false, false)
  t.is(c.leader(0b0011), 0)
  t.is(c.leader(0b0110), 2, 'c hears all')
  c.report(2, 0b0110, false, false)
  t.is(c.leader(0b0110), -1)
})

test('what a member says of itself: leaving may be taken back, wedged may not', (t) => {
  const c = five()
  c.report(1, ALL, true, true)
  t.true(c.isLeaving(1) && c.isWedged(1))
  c.report(1, 0b00010, false, false)
  t.false(c.isLeaving(1))
  t.true(c.isWedged(1), 'there is no way back into the view [c8]')
  t.is(c.hearsOf(1), 0b00010)
  t.false(c.isWedged(0))
})

test('a seat taken by another process: nothing of the former one is left', (t) => {
  const c = five()
  c.report(1, ALL, true, true)
  c.forget(1)
  t.is(c.hearsOf(1), 0)
  t.false(c.isLeaving(1) || c.isWedged(1))
})
