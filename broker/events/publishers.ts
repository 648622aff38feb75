// What makes a retry harmless: for each publisher the highest number it has used, and where its last requests went. It
// is replicated state, so a retry is known again at every replica. It is bounded: when there are too many publishers,
// the one that was used longest ago is forgotten, at the same place of the order everywhere.

import type { ByteReader, ByteSink } from './bytes.ts'
import { UseOrder } from './use-order.ts'

/** `sequence` to `sequence + count - 1` went to `seq` and `offset`, and on from there. */
interface Reply {
  readonly sequence: number
  readonly count: number
  readonly seq: number
  readonly offset: number
}

interface Publisher {
  readonly id: string
  highest: number
  /** The last ones, oldest first. */
  readonly replies: Reply[]
  usedBefore: Publisher | undefined
  usedAfter: Publisher | undefined
}

export type Claim =
  | { readonly verdict: 'new' }
  | { readonly verdict: 'duplicate'; readonly seq: number; readonly offset: number; readonly positionKnown: boolean }
  | { readonly verdict: 'refused'; readonly expected: number }

const NEW: Claim = Object.freeze({ verdict: 'new' })

export class Publishers {
  private readonly publishersMax: number
  private readonly repliesMax: number
  private readonly byId = new Map<string, Publisher>()
  private readonly order = new UseOrder<Publisher>()

  constructor(publishersMax: number, repliesMax: number) {
    this.publishersMax = publishersMax
    this.repliesMax = repliesMax
  }

  get count(): number {
    return this.byId.size
  }

  expects(id: string): number | undefined {
    const publisher = this.byId.get(id)
    return publisher && publisher.highest + 1
  }

  /** What these numbers of a publisher mean. Nothing is taken yet: a request may be refused for other reasons. */
  claim(id: string, sequence: number, count: number, gapsAllowed: boolean): Claim {
    const publisher = this.byId.get(id)
    if (publisher === undefined) return NEW
    const expected = publisher.highest + 1
    const last = sequence + count - 1
    if (last < expected) {
      this.order.use(publisher)
      // A retry that is cut otherwise than the first request is still found, if one request covers it: only then do
      // its positions follow one another.
      const reply = publisher.replies.find((r) => r.sequence <= sequence && last < r.sequence + r.count)
      if (reply === undefined) return { verdict: 'duplicate', seq: 0, offset: 0, positionKnown: false }
      const ahead = sequence - reply.sequence
      // What has no offset is no event: its one position is that of the command.
      const offset = reply.offset === 0 ? 0 : reply.offset + ahead
      return { verdict: 'duplicate', seq: reply.seq + ahead, offset, positionKnown: true }
    }
    // A request that is partly used would be another one under a number already taken.
    if (sequence < expected || (sequence > expected && !gapsAllowed)) return { verdict: 'refused', expected }
    return NEW
  }

  /** Takes numbers that were claimed as new. */
  take(id: string, sequence: number, count: number, seq: number, offset: number): void {
    let publisher = this.byId.get(id)
    if (publisher === undefined) {
      publisher = { id, highest: 0, replies: [], usedBefore: undefined, usedAfter: undefined }
      this.byId.set(id, publisher)
    }
    this.order.use(publisher)
    publisher.highest = sequence + count - 1
    publisher.replies.push({ sequence, count, seq, offset })
    if (publisher.replies.length > this.repliesMax) publisher.replies.shift()
    if (this.byId.size > this.publishersMax) this.forget(this.order.oldest!)
  }

  write(sink: ByteSink): void {
    sink.u32(this.byId.size)
    for (let publisher = this.order.oldest; publisher !== undefined; publisher = publisher.usedAfter) {
      sink.text(publisher.id)
      sink.f64(publisher.highest)
      sink.u16(publisher.replies.length)
      for (const reply of publisher.replies) {
        sink.f64(reply.sequence)
        sink.u32(reply.count)
        sink.f64(reply.seq)
        sink.f64(reply.offset)
      }
    }
  }

  read(reader: ByteReader): void {
    for (let publishers = reader.u32(); publishers > 0; publishers--) {
      const id = reader.text()
      const highest = reader.f64()
      const replies: Reply[] = []
      for (let n = reader.u16(); n > 0; n--) {
        replies.push({ sequence: reader.f64(), count: reader.u32(), seq: reader.f64(), offset: reader.f64() })
      }
      const publisher: Publisher = { id, highest, replies, usedBefore: undefined, usedAfter: undefined }
      this.byId.set(id, publisher)
      this.order.use(publisher)
    }
  }

  private forget(publisher: Publisher): void {
    this.byId.delete(publisher.id)
    this.order.remove(publisher)
  }
}
