// How a process outside the view comes to hold the whole state: it pulls, first a snapshot if it is too far behind, then
// the log's tail, and asks again for what got lost. Pulling keeps the donor without memory of who is being served; if a
// donor dies the observer goes on with another. A snapshot is named by its position and is equal, byte for byte, at all.

import type { OrderLog } from './log.ts'
import type { ChunkMessage, LogMessage, Message, OrderKey } from './message.ts'
import { Pieces } from './pieces.ts'
import type { Instant } from './port.ts'
import type { GroupSettings } from './settings.ts'
import type { Incarnation, View } from './view.ts'

/** A snapshot that nobody has asked for in so long is let go of, and the log from it on. */
const SNAPSHOT_KEPT_MS = 5000

/** Entries of the log in one answer, unless one alone is larger. */
const LOG_BYTES_MAX = 1024 * 1024

/** A part of a snapshot. Small beside what a slow link carries in one `pullMs`, or the next is asked for too early. */
const CHUNK_BYTES_MAX = 128 * 1024

/** A pull is repeated after `pullMs`, then after twice as long each time, and then goes to the next donor. */
const PULLS_UNANSWERED_MAX = 5

interface Snapshot {
  readonly position: number
  readonly key: OrderKey
  readonly view: View
  readonly state: Pieces
  askedAt: Instant
}

/** The giving side. */
export class Donor {
  private snapshot: Snapshot | undefined

  /**
   * Answers a pull, or says that a snapshot is to be taken first; undefined: who asks has come further than this member.
   */
  answer(
    pull: Extract<Message, { kind: 'pull' }>,
    log: OrderLog,
    bytesMax: number,
    time: Instant,
  ): LogMessage | ChunkMessage | 'takeSnapshot' | undefined {
    const head = log.position
    if (pull.position > head) return undefined
    if (log.has(pull.position)) {
      const entries = log.after(pull.position, Math.min(bytesMax, LOG_BYTES_MAX))
      return { kind: 'log', from: pull.position + 1, entries, head, settings: '' }
    }
    const { snapshot } = this
    // One whose tail is no longer in the log leads nowhere.
    if (!snapshot || !log.has(snapshot.position)) return 'takeSnapshot'
    snapshot.askedAt = time
    const offset = pull.snapshot === snapshot.position ? Math.min(pull.offset, snapshot.state.length) : 0
    return {
      kind: 'chunk',
      position: snapshot.position,
      head,
      key: snapshot.key,
      number: snapshot.view.number,
      members: snapshot.view.members,
      total: snapshot.state.length,
      offset,
      bytes: snapshot.state.slice(offset, Math.min(bytesMax, CHUNK_BYTES_MAX)),
    }
  }

  /** What comes after it in the log is kept too, or who has taken it over would need the next one. */
  keep(log: OrderLog, key: OrderKey, view: View, state: readonly Uint8Array[], time: Instant): void {
    this.snapshot = { position: log.position, key, view, state: new Pieces(state), askedAt: time }
    log.keepFrom(log.position)
  }

  tick(log: OrderLog, time: Instant): void {
    if (!this.snapshot || time - this.snapshot.askedAt <= SNAPSHOT_KEPT_MS) return
    this.snapshot = undefined
    log.keepFrom(undefined)
  }
}

interface Assembly {
  readonly position: number
  /** Who began it. Others that have the same may go on with it. */
  readonly donor: Incarnation
  readonly total: number
  readonly state: Uint8Array
  received: number
}

/** The taking side: whom to pull from, and the snapshot as far as it has come. */
export class CatchUp {
  private readonly settings: GroupSettings
  /** Members of the group by their own word, and when they last said so. */
  private readonly donors = new Map<Incarnation, Instant>()
  private donor: Incarnation | undefined
  private unanswered = 0
  private nextPullAt: Instant = Number.NEGATIVE_INFINITY
  private assembly: Assembly | undefined
  /** The furthest position that a donor told of. */
  head = 0
  /** Everything that is still lacking fits in one answer. */
  nearHead = false

  constructor(settings: GroupSettings) {
    this.settings = settings
  }

  get receivedBytes(): number {
    return this.assembly?.received ?? 0
  }

  /** Of the snapshot that is being pulled. */
  get totalBytes(): number {
    return this.assembly?.total ?? 0
  }

  /** This process speaks as a member of the group. */
  memberHeard(incarnation: Incarnation, time: Instant): void {
    this.donors.set(incarnation, time)
  }

  /** The next pull, if one is due. */
  tick(position: number, time: Instant): { to: Incarnation; pull: Extract<Message, { kind: 'pull' }> } | undefined {
    for (const [donor, at] of this.donors) if (time - at > this.settings.suspectAfterMs) this.donors.delete(donor)
    if (time < this.nextPullAt) return undefined
    const silent = this.unanswered >= PULLS_UNANSWERED_MAX
    if (this.donor === undefined || !this.donors.has(this.donor) || silent) this.changeDonor()
    if (this.donor === undefined) return undefined
    this.nextPullAt = time + this.settings.pullMs * 2 ** this.unanswered
    this.unanswered += 1
    const { position: snapshot, received: offset } = this.assembly ?? { position: 0, received: 0 }
    return { to: this.donor, pull: { kind: 'pull', position, snapshot, offset } }
  }

  /** Pulls from this member next: a Cut says that it is as far as one must come, and another may never get there. */
  prefer(donor: Incarnation, time: Instant): void {
    this.donors.set(donor, time)
    this.donor = donor
    this.unanswered = 0
    this.nextPullAt = Number.NEGATIVE_INFINITY
  }

  private changeDonor(): void {
    const known = [...this.donors.keys()].sort((a, b) => a - b)
    const after = known.find((donor) => this.donor !== undefined && donor > this.donor)
    this.donor = after ?? known[0]
    this.unanswered = 0
  }

  /** Answers whether it may be used: an answer to an earlier pull has come too late. */
  onLog(from: Incarnation, message: LogMessage, position: number): boolean {
    if (message.from !== position + 1) return false
    if (from === this.donor) this.unanswered = 0
    this.head = Math.max(this.head, message.head)
    this.nearHead = message.from + message.entries.length - 1 >= message.head
    this.assembly = undefined
    // What there is more of is asked for at once; at the head it is time enough when something new may have come.
    this.nextPullAt = this.nearHead ? this.nextPullAt : Number.NEGATIVE_INFINITY
    return true
  }

  /** The whole state, once the last chunk is there. */
  onChunk(from: Incarnation, chunk: ChunkMessage, position: number): Uint8Array | undefined {
    if (chunk.position <= position) return undefined
    if (from === this.donor) this.unanswered = 0
    this.head = Math.max(this.head, chunk.head)
    this.nearHead = false
    if (!this.assembly || this.assembly.position !== chunk.position || this.assembly.total !== chunk.total) {
      // Begun anew only with another snapshot of the present donor: an older one of the same is a late echo.
      if (chunk.offset !== 0) return undefined
      const echo = this.assembly?.donor === from && chunk.position < this.assembly.position
      if (this.assembly && (from !== this.donor || echo)) return undefined
      const { position: of, total } = chunk
      this.assembly = { position: of, donor: from, total, state: new Uint8Array(total), received: 0 }
    }
    const { assembly } = this
    if (chunk.offset !== assembly.received || chunk.offset + chunk.bytes.length > assembly.total) return undefined
    assembly.state.set(chunk.bytes, chunk.offset)
    assembly.received += chunk.bytes.length
    this.nextPullAt = Number.NEGATIVE_INFINITY
    if (assembly.received < assembly.total) return undefined
    this.assembly = undefined
    return assembly.state
  }
}
