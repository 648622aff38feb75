// A lane for each member of the view, as views come and go, and how much they show. Nothing is read while nobody looks.

import type { Event } from '../src/index.ts'
import type { Group } from './group.ts'
import { Lane } from './lane.ts'
import { EMPTY_ORDER, type Order, sawAt } from './order.ts'
import { sampledFor, sampledLess } from './sampling.ts'
import { Store } from './store.ts'

/** Of the past, when the page is opened. */
const PAST = 24
const LANES_MAX = 9
const LOOK_MS = 1000

export class Lanes {
  readonly order: Store<Order> = new Store<Order>(EMPTY_ORDER)
  private readonly group: Store<Group>
  /** By incarnation. */
  private readonly lanes = new Map<string, Lane>()
  private headAt = 0
  private head = 0

  constructor(group: Store<Group>) {
    this.group = group
    group.listen(() => this.look())
    document.addEventListener('visibilitychange', () => this.look())
    setInterval(() => this.resample(), LOOK_MS)
    this.look()
  }

  private look(): void {
    const { history, view } = this.group.get()
    if (this.order.get().history !== history) {
      // Until a replica has told how far the order is, nobody knows where to begin.
      if (newestSeq(this.group.get()) === 0) return
      this.begin(history)
    }
    const members = document.hidden ? [] : view.members.filter(({ url }) => url !== '').slice(0, LANES_MAX)
    for (const { name, url, incarnation } of members) {
      if (!this.lanes.has(incarnation)) this.lanes.set(incarnation, this.open(name, url))
    }
    for (const [incarnation, lane] of this.lanes) {
      if (members.some((member) => member.incarnation === incarnation)) continue
      lane.close()
      this.lanes.delete(incarnation)
    }
  }

  /** Of another history nothing is left. */
  private begin(history: string): void {
    for (const lane of this.lanes.values()) lane.close()
    this.lanes.clear()
    this.head = newestSeq(this.group.get())
    this.headAt = performance.now()
    const from = Math.max(1, this.head - PAST)
    this.order.update(() => ({ ...EMPTY_ORDER, history, sampling: { every: 1, from } }))
  }

  private open(name: string, url: string): Lane {
    return new Lane(name, url, {
      sampling: () => this.order.get().sampling,
      head: () => this.head,
      saw: (lane, event: Event<unknown>) => this.order.update((order) => sawAt(order, lane, event)),
      tooMuch: (seen) => this.setSampling(sampledLess(this.order.get().sampling, seen)),
    })
  }

  private resample(): void {
    const now = performance.now()
    const head = newestSeq(this.group.get())
    const rate = ((head - this.head) * 1000) / (now - this.headAt)
    const known = this.head > 0
    this.head = head
    this.headAt = now
    if (document.hidden || !known || rate < 0) return
    this.setSampling(sampledFor(this.order.get().sampling, rate, head))
  }

  private setSampling(sampling: Order['sampling']): void {
    if (sampling === this.order.get().sampling) return
    this.order.update((order) => ({ ...order, sampling }))
    for (const lane of this.lanes.values()) lane.resample()
  }
}

/** The newest place that any member has told of. */
function newestSeq({ sights, history }: Group): number {
  return Math.max(0, ...[...sights.values()].map(({ state }) => (state?.history === history ? state.seq : 0)))
}
