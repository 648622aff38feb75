// The memory of the batches that the log keeps. They are copied side by side into slabs, and a slab of which all have been
// let go of is written anew. Left where they came, each would be memory of its own outside the heap, which the garbage
// collector finds to be free only by looking through the whole heap, long after the log has let go of it.

import assert from 'node:assert'
import { unfilled } from './bytes.ts'

interface Slab {
  readonly memory: Uint8Array
  /** So many bytes, from the beginning, were given out. */
  used: number
  /** Batches that were not let go of. */
  kept: number
}

const SLAB_BYTES_MOST = 1024 * 1024
/** A slab has at most this share of all that is kept. */
const SHARE_OF_ALL = 1 / 16
/** A batch that is a larger part of a slab stays where it is: too much of slabs would stay empty. */
const SHARE_OF_SLAB = 1 / 8

/** More that is free is left to the collector. */
const FREE_MAX = 4

export class BatchMemory {
  private readonly slabBytes: number
  /** The oldest first. Batches go into the last. */
  private readonly slabs: Slab[] = []
  private readonly free: Slab[] = []

  /** `bytesMax`: about so much is kept. */
  constructor(bytesMax: number) {
    this.slabBytes = Math.min(SLAB_BYTES_MOST, Math.ceil(bytesMax * SHARE_OF_ALL))
  }

  /** The same bytes, which stay as they are until they are let go of. */
  keep(batch: Uint8Array): Uint8Array {
    if (this.isLarge(batch)) return batch
    const last = this.slabs.at(-1)
    const slab = last && last.used + batch.length <= this.slabBytes ? last : this.next()
    const kept = slab.memory.subarray(slab.used, slab.used + batch.length)
    kept.set(batch)
    slab.used += batch.length
    slab.kept++
    return kept
  }

  /** Batches are let go of in the order in which they came. */
  letGo(batch: Uint8Array): void {
    if (this.isLarge(batch)) return
    const [oldest] = this.slabs
    assert(oldest?.memory.buffer === batch.buffer, 'batches are let go of in the order in which they came')
    oldest.kept--
    if (oldest.kept > 0) return
    oldest.used = 0
    if (this.slabs.length === 1) return
    this.slabs.shift()
    if (this.free.length < FREE_MAX) this.free.push(oldest)
  }

  private isLarge(batch: Uint8Array): boolean {
    return batch.length > this.slabBytes * SHARE_OF_SLAB
  }

  private next(): Slab {
    const slab = this.free.pop() ?? { memory: unfilled(this.slabBytes), used: 0, kept: 0 }
    this.slabs.push(slab)
    return slab
  }
}
