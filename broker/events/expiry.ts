// Which topic has something to expire next, without asking all of them: a binary heap of topics by the time until which
// nothing of theirs expires. A topic that lost its oldest events otherwise may stand in it too early, and is put right
// when its turn comes.

export interface Expiring {
  /** Nothing expires as long as the ordered time is not past this. */
  expiresAfter: number
  /** Its place in the heap; -1: in none. */
  expiryPlace: number
}

export class ExpiryHeap<T extends Expiring> {
  private readonly heap: T[] = []

  get first(): T | undefined {
    return this.heap[0]
  }

  /** Adds it, or moves it if it is here. */
  set(thing: T, expiresAfter: number): void {
    thing.expiresAfter = expiresAfter
    if (thing.expiryPlace < 0) this.put(thing, this.heap.length)
    this.settle(thing)
  }

  /** Does nothing to a thing that is not here. */
  remove(thing: T): void {
    const place = thing.expiryPlace
    if (place < 0) return
    thing.expiryPlace = -1
    const last = this.heap.pop()!
    if (last === thing) return
    this.put(last, place)
    this.settle(last)
  }

  private settle(thing: T): void {
    let place = thing.expiryPlace
    for (;;) {
      const parent = (place - 1) >> 1
      if (place === 0 || this.heap[parent]!.expiresAfter <= thing.expiresAfter) break
      this.put(this.heap[parent]!, place)
      place = parent
    }
    for (;;) {
      let child = 2 * place + 1
      if (child >= this.heap.length) break
      if (child + 1 < this.heap.length && this.heap[child + 1]!.expiresAfter < this.heap[child]!.expiresAfter) child++
      if (this.heap[child]!.expiresAfter >= thing.expiresAfter) break
      this.put(this.heap[child]!, place)
      place = child
    }
    this.put(thing, place)
  }

  private put(thing: T, place: number): void {
    this.heap[place] = thing
    thing.expiryPlace = place
  }
}
