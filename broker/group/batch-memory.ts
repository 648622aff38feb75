// Where batches stay: copied once, from the datagram that brought them, side by side into slabs; a slab of which all have
// been let go of is written anew. Left where they came, each would be memory of its own outside the heap, which the garbage
// collector finds to be free only by looking through the whole heap, long after everybody has let go of it.
//
// A batch is kept by the slots of its view until everybody in the view holds it, and by the log until it is old. When a
// view's slots are dropped as a whole nobody lets go of each: their slabs are not written anew, but left to the collector.

import assert from 'node:assert'
import { unfilled } from './bytes.ts'

interface Slab {
  readonly memory: Uint8Array
  /** So many bytes, from the beginning, were given out. */
  used: number
  /** How often batches in it are kept. */
  kept: number
}

const SLAB_BYTES_MOST = 1024 * 1024
/** A slab has at most this share of what the log keeps. */
const SHARE_OF_LOG = 1 / 16
/** A batch that is a larger part of a slab gets memory of its own: too much of slabs would stay empty. */
const SHARE_OF_SLAB = 1 / 8

/** More that is free is left to the collector. What four members have in their windows at a time fits. */
const FREE_MAX = 32

export class BatchMemory {
  private readonly slabBytes: number
  private readonly slabs = new WeakMap<ArrayBufferLike, Slab>()
  /** Batches go into this one. */
  private current: Slab | undefined
  private readonly free: Slab[] = []

  /** The log keeps about so much. */
  constructor(logBytesMax: number) {
    this.slabBytes = Math.min(SLAB_BYTES_MOST, Math.ceil(logBytesMax * SHARE_OF_LOG))
  }

  /** The same bytes, which stay as they are until they are let go of as often as they were kept. */
  keep(batch: Uint8Array): Uint8Array {
    const known = this.slabs.get(batch.buffer)
    if (known !== undefined) {
      known.kept++
      return batch
    }
    const slab = this.slabFor(batch.length)
    const kept = slab.memory.subarray(slab.used, slab.used + batch.length)
    kept.set(batch)
    slab.used += batch.length
    slab.kept++
    return kept
  }

  letGo(batch: Uint8Array): void {
    const slab = this.slabs.get(batch.buffer)
    assert(slab && slab.kept > 0, 'a batch is let go of as often as it was kept')
    slab.kept--
    if (slab.kept > 0) return
    slab.used = 0
    if (slab === this.current || slab.memory.length !== this.slabBytes) return
    if (this.free.length < FREE_MAX) this.free.push(slab)
  }

  private slabFor(bytes: number): Slab {
    if (bytes > this.slabBytes * SHARE_OF_SLAB) return this.newSlab(bytes)
    if (this.current && this.current.used + bytes <= this.slabBytes) return this.current
    this.current = this.free.pop() ?? this.newSlab(this.slabBytes)
    return this.current
  }

  private newSlab(bytes: number): Slab {
    const slab = { memory: unfilled(bytes), used: 0, kept: 0 }
    this.slabs.set(slab.memory.buffer, slab)
    return slab
  }
}
