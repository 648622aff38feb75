// What is counted by topic. Clients choose the names of topics, and each name costs a line in every scrape and a series
// for as long as Prometheus remembers; so only so many have a line of their own, and the others share one. A deleted
// topic gives its line back.

/** Topics with a line of their own. */
export const TOPIC_LABELS_MAX = 100
export const OTHER_TOPICS = 'other'

export interface TopicCounts {
  events: number
  bytes: number
  schemaRejections: number
}

export class TopicTally {
  private readonly own = new Map<string, TopicCounts>()
  private readonly others: TopicCounts = newCounts()
  private othersUsed = false

  of(topic: string): TopicCounts {
    const known = this.own.get(topic)
    if (known !== undefined) return known
    if (topic === OTHER_TOPICS || this.own.size >= TOPIC_LABELS_MAX) {
      this.othersUsed = true
      return this.others
    }
    const counts = newCounts()
    this.own.set(topic, counts)
    return counts
  }

  /** Lets go of those that are no more. What they had counted is gone with them: the others' sum must not jump. */
  keep(exists: (topic: string) => boolean): void {
    for (const topic of this.own.keys()) if (!exists(topic)) this.own.delete(topic)
  }

  *[Symbol.iterator](): IterableIterator<[topic: string, counts: TopicCounts]> {
    yield* this.own
    if (this.othersUsed) yield [OTHER_TOPICS, this.others]
  }
}

function newCounts(): TopicCounts {
  return { events: 0, bytes: 0, schemaRejections: 0 }
}
