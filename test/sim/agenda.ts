// Virtual time: a heap of things to do, the earliest first, those of one instant in the order in which they were put
// in. Nothing in a simulated world happens but from here.

interface Item {
  readonly at: number
  readonly order: number
  readonly act: () => void
}

export class Agenda {
  /** Milliseconds since the world began. */
  now = 0
  private readonly heap: Item[] = []
  private order = 0

  get size(): number {
    return this.heap.length
  }

  at(time: number, act: () => void): void {
    const { heap } = this
    const item: Item = { at: time < this.now ? this.now : time, order: this.order++, act }
    let i = heap.length
    heap.push(item)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(item, heap[parent] as Item)) break
      heap[i] = heap[parent] as Item
      i = parent
    }
    heap[i] = item
  }

  after(delay: number, act: () => void): void {
    this.at(this.now + delay, act)
  }

  /** Does the next thing if it is due by `until`; otherwise time becomes `until`. */
  step(until: number): boolean {
    const first = this.heap[0]
    if (first === undefined || first.at > until) {
      this.now = Math.max(this.now, until)
      return false
    }
    this.removeFirst()
    this.now = first.at
    first.act()
    return true
  }

  private removeFirst(): void {
    const { heap } = this
    const last = heap.pop() as Item
    const size = heap.length
    if (size === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= size) break
      if (child + 1 < size && before(heap[child + 1] as Item, heap[child] as Item)) child++
      if (!before(heap[child] as Item, last)) break
      heap[i] = heap[child] as Item
      i = child
    }
    heap[i] = last
  }
}

function before(a: Item, b: Item): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
