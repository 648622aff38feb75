// A clock that a pause of one's own does not advance.

import test from 'ava'
import { PatientClock } from '../../broker/group/patient-clock.ts'
import { Chance } from '../sim/random.ts'

const LATE_MS = 20

test('ticks in time: the clock goes as the other one does, also between ticks', (t) => {
  const clock = new PatientClock(LATE_MS, 1000)
  for (const now of [1010, 1020, 1040]) t.is(clock.tick(now), 0)
  t.is(clock.at(1040), 40)
  t.is(clock.at(1047), 47)
})

test('a pause of a second: the clock advances by one late tick and says how long it was', (t) => {
  const clock = new PatientClock(LATE_MS, 1000)
  t.is(clock.at(2000), 20, 'also for a datagram that is read before the tick')
  t.is(clock.tick(2000), 980)
  t.is(clock.at(2000), 20)
  t.is(clock.tick(2010), 0)
  t.is(clock.at(2010), 30)
})

test('cut off from the fabric: the clock stands still, however it ticks, and goes on from there [c12]', (t) => {
  const clock = new PatientClock(LATE_MS, 1000)
  clock.freeze(1005)
  t.is(clock.at(1009), 5)
  for (let now = 1010; now <= 5000; now += 10) t.is(clock.tick(now), 0)
  t.is(clock.at(5000), 5)
  clock.thaw(5008)
  t.is(clock.at(5008), 5, 'the time of the cut is not made up for')
  t.is(clock.tick(5018), 0)
  t.is(clock.at(5018), 15)
})

test('cut off while the process did not run: the pause counts for one late tick', (t) => {
  const clock = new PatientClock(LATE_MS, 1000)
  clock.freeze(3000)
  t.is(clock.at(3000), 20)
  clock.thaw(9000)
  t.is(clock.at(9000), 20)
})

test('a clock of the machine that goes back: time stands still until it is where it was', (t) => {
  const clock = new PatientClock(LATE_MS, 1000)
  clock.tick(1010)
  t.is(clock.tick(900), 0)
  t.is(clock.at(900), 10)
  clock.tick(1010)
  t.is(clock.at(1010), 10)
  t.is(clock.at(1015), 15)
})

test('anything that can happen: never goes back, is never faster, and the pauses told are what it lacks', (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const chance = new Chance(seed, 'patient-clock')
    const clock = new PatientClock(LATE_MS, 0)
    let [now, last, standing, paused] = [0, 0, 0, 0]
    let frozen = false
    for (let step = 0; step < 100; step++) {
      const passed = chance.pick([0, 5, 10, 20, 21, 300])
      now += passed
      if (frozen) standing += passed
      const before = clock.at(now)
      if (chance.chance(0.1)) {
        if (frozen) clock.thaw(now)
        // The tick shows a pause that ends just here: freezing does not tell of it.
        else paused += clock.tick(now)
        if (!frozen) clock.freeze(now)
        frozen = !frozen
      } else paused += clock.tick(now)
      const time = clock.at(now)
      t.is(time, before, 'the tick takes in only what was to be seen already')
      t.true(time >= last && time - last <= Math.min(passed, LATE_MS), `seed ${seed}`)
      t.is(time, now - standing - paused, `seed ${seed}`)
      last = time
    }
  }
})
