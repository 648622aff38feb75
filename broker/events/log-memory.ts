// The memory of what is retained. Commands are copied into slabs, side by side, and a slab that has nothing left in it is
// written anew: what the log lets go of at one end it takes again at the other. To the garbage collector all of it would
// be memory outside its heap, of which it learns what is free only by looking through the whole heap.
//
// So bytes that are read here are those of another event later. Whoever reads them copies them, or is done with them
// before the state changes again.

import assert from 'node:assert'

/** What has a command here. */
export interface Owner {
  /** `NO_SLAB`: it has none. */
  slab: Slab
  /** Where in the slab's memory the command is. */
  at: number
  length: number
}

export interface Slab {
  readonly memory: Buffer
  /** All that were put here since it was empty. The commands of some have gone, or are elsewhere by now. */
  readonly owners: Owner[]
  /** So many bytes, from the beginning, were given out. */
  used: number
  /** So many of them are still owned. */
  owned: number
  /** It is never written anew: others may hold views into it, or it is as large as one command, and no use to others. */
  once: boolean
}

export const NO_SLAB: Slab = slabOf(Buffer.alloc(0))

const SLAB_BYTES_LEAST = 64 * 1024
/** Larger: a small part of them keeps more from being used again. Smaller: more objects. */
const SLAB_BYTES_MOST = 1024 * 1024
/** A slab has at most this share of what is retained, so that few retained events do not take much memory. */
const SHARE_OF_LOG = 1 / 8

/** A command that is a larger part of a slab has one of its own: too much would stay empty. */
const SHARE_OF_SLAB = 1 / 4

/** More free memory is left to the collector. */
const FREE_BYTES_MAX = 8 * 1024 * 1024

/** Slabs may have this much that nobody owns, and half as much again as is owned. */
const WASTE_BYTES_MAX = 4 * 1024 * 1024
const WASTE_SHARE_MAX = 1 / 2

export class LogMemory {
  /** Without those that are free. */
  private readonly slabs = new Set<Slab>()
  private readonly free: Buffer[] = []
  /** Where commands go as they come. */
  private fresh: Slab | undefined
  /** Where those go that outlived the ones beside them: mixed with fresh ones they would soon be moved again. */
  private lasting: Slab | undefined
  /** Of all slabs but the free ones. */
  private bytes = 0
  private owned = 0

  /** Keeps the command for its owner, in place of what that had. */
  keep(owner: Owner, command: Uint8Array): void {
    this.release(owner)
    const slabBytes = this.slabBytes()
    if (command.length > slabBytes * SHARE_OF_SLAB) {
      const own = this.opened(Buffer.allocUnsafeSlow(command.length))
      own.once = true
      this.copy(owner, command, own)
      return
    }
    if (!hasRoom(this.fresh, command.length)) {
      const full = this.fresh
      this.fresh = this.open(slabBytes)
      this.freeIfEmpty(full)
    }
    this.copy(owner, command, this.fresh!)
  }

  /** The owner has nothing any more. */
  release(owner: Owner): void {
    const { slab, length } = owner
    owner.slab = NO_SLAB
    owner.at = 0
    owner.length = 0
    if (slab === NO_SLAB) return
    slab.owned -= length
    this.owned -= length
    this.freeIfEmpty(slab)
  }

  /** To be called after each change: when too much is owned by nobody, the slab with the least is cleared, one a call. */
  tidy(): void {
    if (this.bytes - this.owned <= WASTE_BYTES_MAX + this.owned * WASTE_SHARE_MAX) return
    let emptiest: Slab | undefined
    for (const slab of this.slabs) {
      if (slab === this.fresh || slab === this.lasting) continue
      if (emptiest === undefined || shareOwned(slab) < shareOwned(emptiest)) emptiest = slab
    }
    if (emptiest === undefined) return
    for (const owner of emptiest.owners) if (owner.slab === emptiest) this.move(owner)
  }

  /** Others may keep what is here now for as long as they like. */
  lend(): void {
    for (const slab of this.slabs) slab.once = true
  }

  private slabBytes(): number {
    let bytes = SLAB_BYTES_LEAST
    while (bytes < SLAB_BYTES_MOST && bytes < this.owned * SHARE_OF_LOG) bytes *= 2
    return bytes
  }

  private copy(owner: Owner, command: Uint8Array, slab: Slab): void {
    slab.memory.set(command, slab.used)
    this.give(slab, owner, command.length)
  }

  /** What comes next in the slab becomes the owner's. */
  private give(slab: Slab, owner: Owner, length: number): void {
    owner.slab = slab
    owner.at = slab.used
    owner.length = length
    slab.owners.push(owner)
    slab.used += length
    slab.owned += length
    this.owned += length
  }

  private open(bytes: number): Slab {
    const last = this.free.pop()
    // One that is too small was made while less was retained.
    return this.opened(last && last.length >= bytes ? last : Buffer.allocUnsafeSlow(bytes))
  }

  private opened(memory: Buffer): Slab {
    const slab = slabOf(memory)
    this.slabs.add(slab)
    this.bytes += memory.length
    return slab
  }

  private freeIfEmpty(slab: Slab | undefined): void {
    if (slab === undefined || slab.owned > 0 || slab === this.fresh || slab === this.lasting) return
    assert(this.slabs.delete(slab), 'a slab was freed twice')
    this.bytes -= slab.memory.length
    const freeBytes = this.free.reduce((sum, { length }) => sum + length, slab.memory.length)
    if (!slab.once && freeBytes <= FREE_BYTES_MAX) this.free.push(slab.memory)
  }

  private move(owner: Owner): void {
    const command = commandOf(owner)
    if (!hasRoom(this.lasting, command.length)) {
      const full = this.lasting
      this.lasting = this.open(Math.max(this.slabBytes(), command.length))
      this.freeIfEmpty(full)
    }
    // The bytes are still there: nothing is written into the slab that they leave before this is done.
    this.release(owner)
    this.copy(owner, command, this.lasting!)
  }
}

/** A view. */
export function commandOf({ slab, at, length }: Owner): Buffer {
  return slab.memory.subarray(at, at + length)
}

function slabOf(memory: Buffer): Slab {
  return { memory, owners: [], used: 0, owned: 0, once: false }
}

function hasRoom(slab: Slab | undefined, length: number): boolean {
  return slab !== undefined && slab.used + length <= slab.memory.length
}

function shareOwned(slab: Slab): number {
  return slab.owned / slab.memory.length
}
