// The state again, as simple as it can be: lists, filtered and searched from end to end at every step. It shares no code
// with the real one, so what both agree on is what was meant.

import type { Command, Retention } from '../../broker/events/command.ts'
import type { StateLimits } from '../../broker/events/state.ts'

interface Event {
  topic: string
  seq: number
  /** Place of the first event of its publish. */
  publish: number
  offset: number
  storedAt: number
  record: Uint8Array
  text: string
  schemaVersion: number
  publisher: string | undefined
  fate: 'kept' | 'retention' | 'topic-deleted'
}

interface Topic {
  name: string
  revision: number
  life: number
  retention: Retention
  schemas: string[]
  offset: number
}

interface Publisher {
  id: string
  highest: number
  replies: { first: number; last: number; seq: number; offset: number }[]
}

export class Twin {
  seq = 0
  now = 0
  events: Event[] = []
  topics: Topic[] = []
  /** Used longest ago first. */
  publishers: Publisher[] = []
  private readonly limits: StateLimits

  constructor(limits: StateLimits) {
    this.limits = limits
  }

  apply(command: Command, texts: readonly string[]): { verdict: string; code?: string; seq: number; offset: number } {
    const count = command.kind === 'publish' ? texts.length : 1
    const { publisher: id, sequence } = command
    const publisher = this.publishers.find((one) => one.id === id)
    const gaps = command.kind !== 'publish' || command.gapsAllowed
    if (publisher !== undefined) {
      if (sequence + count - 1 <= publisher.highest) {
        this.publishers = [...this.publishers.filter((one) => one !== publisher), publisher]
        const reply = publisher.replies.find((one) => one.first <= sequence && sequence + count - 1 <= one.last)
        if (reply === undefined) return { verdict: 'duplicate', seq: 0, offset: 0 }
        const ahead = sequence - reply.first
        return { verdict: 'duplicate', seq: reply.seq + ahead, offset: reply.offset && reply.offset + ahead }
      }
      const fits = sequence === publisher.highest + 1 || (gaps && sequence > publisher.highest)
      if (!fits) return { verdict: 'refused', code: 'sequence', seq: 0, offset: 0 }
    }
    const code = this.refusal(command)
    if (code !== undefined) return { verdict: 'refused', code, seq: 0, offset: 0 }

    this.now = Math.max(this.now, command.time)
    const seq = this.seq + 1
    let offset = 0
    if (command.kind === 'publish' || command.kind === 'putTopic') {
      let topic = this.topics.find(({ name }) => name === command.topic)
      if (topic === undefined) {
        const retention = { events: 1_000_000, bytes: 256 * 1024 * 1024, ageMs: 0 }
        topic = { name: command.topic, revision: seq, life: seq, retention, schemas: [], offset: 0 }
        this.topics.push(topic)
      }
      if (command.kind === 'publish') {
        offset = topic.offset + 1
        texts.forEach((text, i) => {
          const record = (command.records as Uint8Array[])[i]!
          topic.offset++
          this.seq++
          this.events.push({
            topic: topic.name,
            seq: this.seq,
            publish: seq,
            offset: topic.offset,
            storedAt: this.now,
            record,
            text,
            schemaVersion: command.schemaVersion,
            publisher: gaps || id === '' ? undefined : id,
            fate: 'kept',
          })
        })
      } else {
        this.seq++
        topic.revision = seq
        topic.retention = { ...topic.retention, ...command.settings.retention }
        const schema = command.settings.schema && Buffer.from(command.settings.schema).toString()
        if (schema !== undefined && schema !== topic.schemas.at(-1)) topic.schemas.push(schema)
      }
    } else if (command.kind === 'deleteTopic') {
      this.seq++
      this.topics = this.topics.filter(({ name }) => name !== command.topic)
      for (const event of this.events) if (event.topic === command.topic) event.fate = 'topic-deleted'
    } else this.seq++

    for (const { name, retention } of this.topics) {
      const kept = this.kept(name)
      let bytes = 0
      // From the newest: once one does not fit, none that is older stays.
      kept.reverse().forEach((event, i) => {
        bytes += event.record.length
        const tooMany = retention.events > 0 && i >= retention.events
        const tooLarge = retention.bytes > 0 && bytes > retention.bytes
        const tooOld = retention.ageMs > 0 && this.now - event.storedAt > retention.ageMs
        if (tooMany || tooLarge || tooOld) event.fate = 'retention'
      })
    }
    for (const event of this.events) if (event.fate === 'kept' && this.isOverAll()) event.fate = 'retention'
    if (id !== '') {
      const entry = publisher ?? { id, highest: 0, replies: [] }
      entry.highest = sequence + count - 1
      entry.replies.push({ first: sequence, last: sequence + count - 1, seq, offset })
      entry.replies = entry.replies.slice(-this.limits.repliesPerPublisher)
      this.publishers = [...this.publishers.filter((one) => one !== entry), entry].slice(-this.limits.publishersMax)
    }
    return { verdict: 'applied', seq, offset }
  }

  private isOverAll(): boolean {
    const kept = this.events.filter(({ fate }) => fate === 'kept')
    const bytes = kept.reduce((sum, { record }) => sum + record.length, 0)
    return bytes + 1024 * new Set(kept.map(({ publish }) => publish)).size > this.limits.retainedBytesMax
  }

  kept(topic: string): Event[] {
    return this.events.filter((event) => event.topic === topic && event.fate === 'kept')
  }

  /** What a reader who was told of losses up to `told` is given. */
  read(after: number, told: number, wants: RegExp, most: number, bytes: number): { items: unknown[]; through: number } {
    const ahead = this.events.filter((event) => event.seq > after && wants.test(event.topic))
    const lost = ahead.findLast((event) => event.fate !== 'kept')
    const items: unknown[] = []
    if (lost !== undefined && lost.seq > told) {
      items.push({ type: 'gap', from: Math.max(after, told) + 1, to: lost.seq, reason: lost.fate })
      if (most === 1) return { items, through: after }
    }
    let left = bytes
    for (const { seq, offset, topic, text, schemaVersion, publisher, fate } of ahead) {
      if (fate !== 'kept') continue
      items.push({ seq, offset, topic, text, schemaVersion, publisher })
      left -= Buffer.byteLength(text)
      if (items.length >= most || left <= 0) return { items, through: seq }
    }
    return { items, through: this.seq }
  }

  private refusal(command: Command): string | undefined {
    if (command.kind === 'clock') return undefined
    const topic = this.topics.find(({ name }) => name === command.topic)
    const full = this.topics.length >= this.limits.topicsMax
    if (command.kind === 'deleteTopic') return topic === undefined ? 'no-such-topic' : undefined
    if (command.kind === 'putTopic') {
      if ((topic?.revision ?? 0) !== command.expectedVersion) return 'stale-topic'
      return topic === undefined && full ? 'too-many-topics' : undefined
    }
    if (topic === undefined) {
      if (!command.autoCreate) return 'no-such-topic'
      if (command.schemaVersion !== 0) return 'stale-schema'
      return full ? 'too-many-topics' : undefined
    }
    return command.schemaVersion === topic.schemas.length && (command.topicLife || topic.life) === topic.life
      ? undefined
      : 'stale-schema'
  }
}
