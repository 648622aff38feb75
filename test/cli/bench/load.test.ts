import { setTimeout as after } from 'node:timers/promises'
import test from 'ava'
import { type Outlet, publishOnSchedule, type Schedule } from '../../../broker/cli/bench/load.ts'

const now = (): number => performance.now()
const schedule = (settings: Partial<Schedule>): Schedule => ({
  now,
  from: now(),
  forMs: 400,
  everyMs: 2,
  inOneGo: 5,
  signal: new AbortController().signal,
  ...settings,
})

/** It takes no more for a while after so many events. */
class Stalling implements Outlet {
  readonly latencies: number[] = []
  private readonly stallAfter: number
  private readonly stallMs: number

  constructor(stallAfter: number, stallMs: number) {
    this.stallAfter = stallAfter
    this.stallMs = stallMs
  }

  publish(n: number, dueAt: number): void {
    if (n !== this.latencies.length) throw new Error(`event ${n} after ${this.latencies.length - 1}`)
    this.latencies.push(now() - dueAt)
  }

  async ready(): Promise<void> {
    if (this.latencies.length >= this.stallAfter && !this.stalled) {
      this.stalled = true
      await after(this.stallMs)
    }
  }

  private stalled = false
}

test('a pause of 200 ms at a fixed rate: is in the latency of every event that was due meanwhile, and none is left out', async (t) => {
  const outlet = new Stalling(50, 200)
  t.is(await publishOnSchedule(outlet, schedule({})), 0)
  t.is(outlet.latencies.length, 200)
  // 100 are due in the pause, the first ones waited for nearly all of it, and the last ones for nearly nothing.
  const waited = outlet.latencies.filter((ms) => ms > 50)
  t.true(waited.length >= 70, `${waited.length} of the events that were due in the pause waited for it`)
  t.true(Math.max(...outlet.latencies) >= 190, `the longest: ${Math.max(...outlet.latencies)}`)
  t.true(Math.min(...outlet.latencies) >= 0, 'none is early')
})

test('more is due than there is room for: it ends in time, and says how many were not published', async (t) => {
  const outlet = new Stalling(50, 1000)
  const began = now()
  const unsent = await publishOnSchedule(outlet, schedule({ forMs: 300, inOneGo: 1 }))
  t.true(now() - began < 900, 'it does not wait for room for ever')
  t.is(outlet.latencies.length + unsent, 150)
  t.true(unsent >= 90, `${unsent} were not published`)
})

test('as fast as there is room: an event is due when it is published; a signal ends it', async (t) => {
  const stop = new AbortController()
  const latencies: number[] = []
  const outlet: Outlet = {
    publish: (n, dueAt) => {
      latencies.push(now() - dueAt)
      if (n === 999) stop.abort()
    },
    ready: () => Promise.resolve(),
  }
  t.is(await publishOnSchedule(outlet, schedule({ everyMs: 0, inOneGo: 10, forMs: 60_000, signal: stop.signal })), 0)
  t.is(latencies.length, 1000)
})
