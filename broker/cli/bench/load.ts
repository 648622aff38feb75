// What one publisher of `lockstep bench` does: it publishes at a fixed rate, or as fast as it is let, until a time.
//
// At a fixed rate the n-th event is due n intervals after the beginning, however long earlier ones take, and its latency
// counts from then. Else a group that stands still for a second would delay a single event by a second, and all those
// that would have been published meanwhile by nothing: the pause would not be seen in the figures.

import { setTimeout as sleep } from 'node:timers/promises'

/** A client, as far as the load needs it. */
export interface Outlet {
  /** Publishes its n-th event, due at that time. */
  publish(n: number, dueAt: number): void
  /** Resolves when there is room for more. */
  ready(): Promise<void>
}

export interface Schedule {
  readonly now: () => number
  /** When the first event is due, in milliseconds of `now`. */
  readonly from: number
  readonly forMs: number
  /** Milliseconds from one event to the next; 0: as fast as there is room. */
  readonly everyMs: number
  /** At most so many are published before it is asked again whether there is room. */
  readonly inOneGo: number
  readonly signal: AbortSignal
}

/** Resolves with the number of events that were due and not published: there was no room for them. */
export async function publishOnSchedule(outlet: Outlet, schedule: Schedule): Promise<number> {
  const { now, from, forMs, everyMs, inOneGo, signal } = schedule
  const until = from + forMs
  // The quotient of such numbers may be a hair above a whole one.
  const planned = everyMs === 0 ? Number.POSITIVE_INFINITY : Math.ceil(forMs / everyMs - 1e-6)
  const dueOf = (n: number): number => (everyMs === 0 ? now() : from + n * everyMs)
  // One wait at a time: to be the loser of a race, again and again, would leave something behind each time.
  let wake = (_room: boolean): void => {}
  const giveUp = (): void => wake(false)
  const over = setTimeout(giveUp, until - now())
  signal.addEventListener('abort', giveUp)
  const room = (): Promise<boolean> =>
    new Promise((resolve) => {
      wake = resolve
      outlet.ready().then(() => resolve(true))
    })
  let n = 0
  while (!signal.aborted && n < planned) {
    const waitMs = Math.min(dueOf(n), until) - now()
    // A timer is never early. When it is late, what is due by then leaves together.
    if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) break
    const last = now() >= until
    for (let i = 0; i < inOneGo && n < planned; i++) {
      const dueAt = dueOf(n)
      if (dueAt > now() || (everyMs === 0 && last)) break
      outlet.publish(n++, dueAt)
    }
    if (last || !(await room())) break
  }
  clearTimeout(over)
  signal.removeEventListener('abort', giveUp)
  if (everyMs === 0) return 0
  const due = Math.ceil((now() - from) / everyMs)
  return Math.max(0, Math.min(due, planned) - n)
}
