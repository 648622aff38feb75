// G7: a client that tries again across any failure finds its event once; a subscriber that moves between replicas sees
// no gap and no duplicate. Publishers number what they publish 1, 2, 3, …, so both can be read off the numbers.

import type { Checker, Observation } from '../observation.ts'

export class ExactlyOnce implements Checker {
  readonly id = 'G7'
  readonly guarantee = 'exactly once'
  private readonly seen = new Map<string, Map<string, number>>()
  private readonly place = new Map<string, number>()

  see(observation: Observation): string | undefined {
    if (observation.type === 'notified') {
      const { subscriber, publisher, sequence, place } = observation
      const publishers = this.seen.get(subscriber) ?? new Map<string, number>()
      this.seen.set(subscriber, publishers)
      const before = publishers.get(publisher) ?? 0
      publishers.set(publisher, sequence)
      if (sequence <= before) return `${subscriber} is given ${publisher}'s event ${sequence} again, after ${before}`
      if (sequence > before + 1)
        return `${subscriber} is given ${publisher}'s event ${sequence} after ${before}: a gap that it was not told of`
      const last = this.place.get(subscriber) ?? 0
      this.place.set(subscriber, place)
      if (place <= last) return `${subscriber} is given place ${place} after ${last}`
      return undefined
    }
    if (observation.type === 'gap') return `${observation.subscriber} is told of a gap: ${observation.told}`
    if (observation.type === 'ended' && !observation.excused)
      for (const subscriber of observation.subscribers)
        for (const [publisher, sequence] of observation.confirmed) {
          const seen = this.seen.get(subscriber)?.get(publisher) ?? 0
          if (seen < sequence)
            return `${publisher} was told that its event ${sequence} is in; ${subscriber} was given them up to ${seen}`
        }
    return undefined
  }
}
