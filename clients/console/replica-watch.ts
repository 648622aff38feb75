// Reads what replicas say of themselves: each member of the view, and those that were members a while ago, since they may
// come back. Nothing is read while nobody looks at the page: a browser has six connections to a host, for all its windows.

import type { Change, ReplicaState } from './contract.ts'
import { type Group, inOrder, onChange, onPolled, onState, onUnheard, type Sight } from './group.ts'
import type { Store } from './store.ts'

const RETRY_FIRST_MS = 500
const RETRY_MAX_MS = 10_000
const POLL_MS = 1000

interface Reading {
  readonly name: string
  readonly url: string
  readonly incarnation: string
  source: EventSource | undefined
  timer: ReturnType<typeof setTimeout> | undefined
  failures: number
}

export class ReplicaWatch {
  private readonly group: Store<Group>
  private readonly readings = new Map<string, Reading>()
  private polling: ReturnType<typeof setInterval> | undefined

  constructor(group: Store<Group>) {
    this.group = group
    group.listen(() => this.look())
    document.addEventListener('visibilitychange', () => this.look())
    this.look()
  }

  /** A view has a replica that is not read, or a replica that is read has gone. */
  private look(): void {
    if (document.hidden) return this.rest()
    this.polling ??= setInterval(() => this.poll(), POLL_MS)
    const group = this.group.get()
    const sights = inOrder(group).filter(({ url }) => url !== '')
    for (const sight of sights) this.read(sight)
    for (const [name, reading] of this.readings) {
      if (sights.some((sight) => sight.name === name)) continue
      stop(reading)
      this.readings.delete(name)
    }
  }

  private rest(): void {
    clearInterval(this.polling)
    this.polling = undefined
    for (const reading of this.readings.values()) stop(reading)
    this.readings.clear()
  }

  private read({ name, url, incarnation }: Sight): void {
    const known = this.readings.get(name)
    // One that waits to be tried again, and is in a view as a new incarnation, is there now.
    const back = known !== undefined && known.source === undefined && known.incarnation !== incarnation
    if (known !== undefined && known.url === url && !back) return
    if (known !== undefined) stop(known)
    const reading: Reading = { name, url, incarnation, source: undefined, timer: undefined, failures: 0 }
    this.readings.set(name, reading)
    this.open(reading)
  }

  private open(reading: Reading): void {
    const source = new EventSource(new URL('/v1/cluster/changes', reading.url))
    reading.source = source
    source.addEventListener('state', ({ data }) => {
      reading.failures = 0
      const { at, cluster } = JSON.parse(data) as { at: string; cluster: Omit<ReplicaState, 'at'> }
      this.group.update((group) => onState(group, reading.url, { ...cluster, at }))
    })
    source.addEventListener('change', ({ data }) => {
      this.group.update((group) => onChange(group, reading.name, Date.now(), JSON.parse(data) as Change))
    })
    source.addEventListener('error', () => {
      // Left to itself it would come back every second, also to a replica that is gone for good.
      source.close()
      reading.source = undefined
      reading.timer = setTimeout(() => this.open(reading), waitMs(reading.failures++))
      this.group.update((group) => onUnheard(group, reading.name))
    })
  }

  private poll(): void {
    // Also who is in no view: a replica that is cut off tells that it is blocked, one that catches up how far it is.
    for (const sight of this.group.get().sights.values()) {
      if (sight.heard) void this.ask(sight)
    }
  }

  private async ask({ url }: Sight): Promise<void> {
    try {
      const response = await fetch(new URL('/v1/cluster', url), { signal: AbortSignal.timeout(3 * POLL_MS) })
      const state = (await response.json()) as ReplicaState
      this.group.update((group) => onPolled(group, { ...state, at: new Date().toISOString() }))
    } catch {
      // That it is gone is told by its changes, which end.
    }
  }
}

function stop(reading: Reading): void {
  clearTimeout(reading.timer)
  reading.source?.close()
  reading.source = undefined
}

function waitMs(failures: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failures)
}
