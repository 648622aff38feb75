// Which topics have lost events, so that a reader who wanted them is told and never left to guess. Topics are kept in
// the order of their latest loss and losses are counted, so a reader looks only at what was lost since it last looked.
// A deleted topic leaves a tombstone. Of tombstones beyond the limit only the newest place is remembered, and held
// against every reader: a gap told to one who did not care is harmless, one that is not told is not.

import type { ByteReader, ByteSink } from './bytes.ts'
import type { TopicFilter } from './patterns.ts'
import type { Topic } from './topic.ts'
import { UseOrder } from './use-order.ts'

export const TOMBSTONES_MAX = 1000

/** Not all events from `from` to `to`, both included, can be read any more. */
export interface Gap {
  readonly type: 'gap'
  readonly from: number
  readonly to: number
  readonly reason: 'retention' | 'topic-deleted'
}

interface Tombstone {
  readonly topic: string
  /** Of the newest event that the topic had. */
  readonly lastSeq: number
  readonly lossCount: number
}

export class Losses {
  private readonly topics = new UseOrder<Topic>()
  private tombstones: Tombstone[] = []
  /** Of the newest event of all whose tombstones are forgotten. */
  private forgottenSeq = 0
  private count = 0
  /** Of the newest event lost in any topic: who reads past it has lost nothing. */
  private newestSeq = 0

  /** A topic has lost events. */
  lost(topic: Topic): void {
    topic.lossCount = ++this.count
    this.topics.use(topic)
    this.newestSeq = Math.max(this.newestSeq, topic.lostSeq)
  }

  deleted(topic: Topic): void {
    this.topics.remove(topic)
    if (topic.lastSeq > 0) this.bury(topic.name, topic.lastSeq)
  }

  /** What a reader at this place must be told before anything else; each loss is told once. */
  tell(after: number, filter: TopicFilter): Gap | undefined {
    const { told } = filter
    const seen = told.by === this ? told.losses : 0
    told.by = this
    told.losses = this.count
    if (seen === this.count || after >= this.newestSeq) return undefined

    let retention = 0
    for (let topic = this.topics.newest; topic !== undefined && topic.lossCount > seen; topic = topic.usedBefore) {
      if (topic.lostSeq > retention && filter.matches(topic.name)) retention = topic.lostSeq
    }
    let deletion = this.forgottenSeq
    for (let i = this.tombstones.length - 1; i >= 0 && this.tombstones[i]!.lossCount > seen; i--) {
      const { topic, lastSeq } = this.tombstones[i]!
      if (lastSeq > deletion && filter.matches(topic)) deletion = lastSeq
    }
    const to = Math.max(retention, deletion)
    if (to <= after || to <= told.through) return undefined
    const from = Math.max(after, told.through) + 1
    told.through = to
    return { type: 'gap', from, to, reason: retention >= deletion ? 'retention' : 'topic-deleted' }
  }

  /** Whatever is lost by now is none of this reader's. */
  forgive(filter: TopicFilter): void {
    filter.told.by = this
    filter.told.losses = this.count
    filter.told.through = Math.max(filter.told.through, this.forgottenSeq)
  }

  write(sink: ByteSink): void {
    sink.f64(this.forgottenSeq)
    sink.u32(this.tombstones.length)
    for (const { topic, lastSeq } of this.tombstones) {
      sink.text(topic)
      sink.f64(lastSeq)
    }
  }

  /** Of topics only those that lost events need to be known here: they are told by `lost`. */
  read(reader: ByteReader): void {
    this.forgottenSeq = reader.f64()
    this.newestSeq = Math.max(this.newestSeq, this.forgottenSeq)
    for (let n = reader.u32(); n > 0; n--) this.bury(reader.text(), reader.f64())
  }

  private bury(topic: string, lastSeq: number): void {
    this.tombstones.push({ topic, lastSeq, lossCount: ++this.count })
    this.newestSeq = Math.max(this.newestSeq, lastSeq)
    if (this.tombstones.length <= TOMBSTONES_MAX) return
    this.forgottenSeq = Math.max(this.forgottenSeq, this.tombstones.shift()!.lastSeq)
  }
}
