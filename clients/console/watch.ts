// What is watched: a subscription, and the newest of what came by it. Its place is kept in the fragment of the address, so
// that the link goes on exactly there. Items are taken with the frames that show them: of a flood, the rest waits at the
// replica, and how far the page is behind is shown.

import type { Client, EarlyItem, Item, Subscription } from '../src/index.ts'
import { fragmentOf, type WatchPlace } from './link.ts'
import { Store } from './store.ts'

/** Of an event below `safe`: shown, then at its place or taken back. */
export type Fate = 'early' | 'kept' | 'placed' | 'taken back'

export type Row = { readonly id: number } & (
  | {
      readonly kind: 'event'
      readonly fate: Fate
      readonly ref: string | undefined
      readonly seq: number | undefined
      readonly topic: string
      readonly key: string | undefined
      readonly time: string
      readonly text: string
    }
  | { readonly kind: 'view'; readonly seq: number; readonly text: string }
  | { readonly kind: 'gap'; readonly text: string }
)

export interface Watching {
  readonly place: WatchPlace | undefined
  readonly rows: readonly Row[]
  readonly count: number
  /** The place up to which everything has come. */
  readonly seq: number
  /** Why it ended. */
  readonly ended: string | undefined
}

const ROWS_MAX = 200
const TEXT_MAX = 20_000
const BUFFER_BYTES = 64 * 1024
const LINK_EVERY_MS = 500

type AnyItem = Item<unknown> | EarlyItem<unknown>

export class Watch {
  readonly watching: Store<Watching> = new Store<Watching>(NOTHING)
  private readonly client: Client
  private subscription: Subscription<unknown, AnyItem> | undefined
  private nextId = 1

  constructor(client: Client) {
    this.client = client
    setInterval(() => this.keepLink(), LINK_EVERY_MS)
  }

  begin(place: WatchPlace): void {
    this.subscription?.close()
    this.watching.update(() => ({ ...NOTHING, place }))
    history.replaceState(null, '', fragmentOf(place))
    try {
      const { topics, order, from } = place
      const subscription = this.client.subscribe<unknown>(topics, {
        order,
        from,
        views: true,
        bufferBytes: BUFFER_BYTES,
      })
      this.subscription = subscription
      subscription
        .each((items) => {
          if (subscription !== this.subscription) return
          this.take(items)
          return new Promise((resolve) => requestAnimationFrame(() => resolve()))
        })
        .then(
          () => subscription === this.subscription && this.end(undefined),
          (error: Error) => subscription === this.subscription && this.end(error.message),
        )
    } catch (error) {
      this.end((error as Error).message)
    }
  }

  stop(): void {
    this.keepLink()
    this.subscription?.close()
    this.subscription = undefined
    this.end(undefined)
  }

  /** The link to where it is now. */
  link(): string {
    this.keepLink()
    return location.href
  }

  private end(why: string | undefined): void {
    this.subscription = undefined
    this.watching.update((before) => ({ ...before, ended: why ?? '' }))
  }

  private take(items: readonly AnyItem[]): void {
    this.watching.update((before) => {
      let { rows, count, seq } = before
      for (const item of items) {
        if (item.kind === 'kept') rows = settled(rows, item.ref, 'kept', item.seq)
        else if (item.kind === 'retract') rows = settled(rows, item.ref, 'taken back', undefined)
        else {
          rows = [...rows.slice(-2 * ROWS_MAX), this.rowOf(item)]
          if (item.kind === 'event') count++
        }
        if ('seq' in item && item.seq !== undefined) seq = item.seq
      }
      return { ...before, rows: rows.slice(-ROWS_MAX), count, seq }
    })
  }

  private rowOf(item: Exclude<AnyItem, { kind: 'kept' | 'retract' }>): Row {
    const id = this.nextId++
    if (item.kind === 'gap') return { id, kind: 'gap', text: `places ${item.from} to ${item.to}: ${GAPS[item.reason]}` }
    if (item.kind === 'view') {
      const names = item.members.map(({ name }) => name).join(', ')
      return { id, kind: 'view', seq: item.seq, text: `view ${item.number}: ${names}` }
    }
    const { seq, topic, key, time, data } = item
    const text = JSON.stringify(data) ?? 'null'
    return {
      id,
      kind: 'event',
      fate: seq === undefined ? 'early' : 'placed',
      ref: 'ref' in item ? item.ref : undefined,
      seq,
      topic,
      key,
      time,
      text: text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text,
    }
  }

  private keepLink(): void {
    const { place } = this.watching.get()
    const token = this.subscription?.token
    if (place === undefined || token === undefined) return
    const fragment = fragmentOf({ ...place, from: token })
    if (fragment !== location.hash) history.replaceState(null, '', fragment)
  }
}

const NOTHING: Watching = { place: undefined, rows: [], count: 0, seq: 0, ended: undefined }

const GAPS = {
  retention: 'what was there is not kept any more',
  'topic-deleted': 'their topic was deleted',
  'history-changed': 'the group has begun anew',
} as const

function settled(rows: readonly Row[], ref: string, fate: Fate, seq: number | undefined): readonly Row[] {
  const index = rows.findLastIndex((row) => row.kind === 'event' && row.ref === ref)
  const row = rows[index]
  return row?.kind === 'event' ? rows.with(index, { ...row, fate, seq: seq ?? row.seq }) : rows
}
