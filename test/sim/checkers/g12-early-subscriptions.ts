// G12: a subscriber below `safe` is shown each event once, in the order of its level, and is told what became of it: kept,
// at its place, or taken back. Publishers number their events 1, 2, 3, …: at every level they are shown in that order. At
// `agreed` what is shown is in the order of places. (That nothing is missing of what is kept is G7.)

import type { Checker, Observation } from '../observation.ts'

interface Event {
  readonly publisher: string
  readonly sequence: number
}

class Subscriber {
  /** Shown, and neither kept nor taken back, in the order in which they were shown. */
  open: Event[] = []
  /** By publisher, the last that has its place. */
  readonly placed = new Map<string, number>()
}

export class EarlySubscriptions implements Checker {
  readonly id = 'G12'
  readonly guarantee = 'early subscriptions'
  private readonly subscribers = new Map<string, Subscriber>()

  see(observation: Observation): string | undefined {
    if (observation.type === 'ended' && !observation.excused) return this.left()
    if (observation.type !== 'shown' && observation.type !== 'takenBack' && observation.type !== 'notified') return
    const { subscriber: name, publisher, sequence } = observation
    const subscriber = this.subscribers.get(name) ?? new Subscriber()
    this.subscribers.set(name, subscriber)
    const { open, placed } = subscriber
    const text = `${publisher}'s event ${sequence}`
    const at = open.findIndex((one) => one.publisher === publisher && one.sequence === sequence)
    if (observation.type === 'shown') {
      const last = open.findLast((one) => one.publisher === publisher)?.sequence ?? placed.get(publisher) ?? 0
      if (sequence !== last + 1) return `${name} is shown ${text} after ${last}`
      open.push({ publisher, sequence })
      return undefined
    }
    const [before] = open
    if (at !== -1) subscriber.open = open.toSpliced(at, 1)
    if (observation.type === 'takenBack')
      return at === -1 ? `${text} is taken back from ${name}, and not shown` : undefined
    placed.set(publisher, sequence)
    const kept = observation.type === 'notified' && observation.kept === true
    if (kept && at === -1) return `${name} is told that ${text} is kept, which it was not shown`
    if (!kept && at !== -1) return `${name} is given ${text} again, which it was shown`
    const later = open.find((one) => one.publisher === publisher && one.sequence > sequence)
    if (!kept && later) return `${name} is given ${text} after it was shown ${later.sequence}`
    if (name.startsWith('agreed') && before && at !== 0)
      return `${name} is given ${text} after it was shown ${before.publisher}'s event ${before.sequence}`
    return undefined
  }

  private left(): string | undefined {
    for (const [name, { open }] of this.subscribers)
      if (open[0])
        return `${name} is left with ${open[0].publisher}'s event ${open[0].sequence}, neither kept nor taken back`
    return undefined
  }
}
