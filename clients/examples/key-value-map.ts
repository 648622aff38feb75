// A map of which each program has a whole copy. A change is an event; it is made when it comes back in the one order, so
// all copies make the same changes and decide alike, without a word between them. `get` answers from this copy, which may
// be behind others; after `catchUp` it is not. The topic has to keep its events: a copy told of a gap ends with an error.

import type { Client, Event, Subscription, Topic } from '../src/index.ts'

type Change<Value> = { readonly value?: Value | undefined; readonly ifVersion?: number | undefined }

export class KeyValueMap<Value> {
  private readonly entries = new Map<string, { readonly value: Value; readonly version: number }>()
  private readonly waiting = new Map<string, (made: boolean) => void>()
  private readonly topic: Topic<Change<Value>>
  private readonly changes: Subscription<Change<Value>>
  private readonly over: Promise<never>
  private failure: unknown

  constructor(client: Client, topic: string) {
    this.topic = client.topic(topic)
    this.changes = this.topic.subscribe({ from: 1 }) // 'start' would be content with what is left.
    this.over = this.follow()
    this.over.catch((failure) => (this.failure = failure))
  }

  get(key: string): Value | undefined {
    if (this.failure) throw this.failure
    return this.entries.get(key)?.value
  }

  /** The place of the key's last change, 0 when it is not there: for a change that must not overlook another one. */
  version = (key: string): number => this.entries.get(key)?.version ?? 0
  /** Resolves when it is safe and made here: true, or false when the key was not at `ifVersion` any more. */
  set = (key: string, value: Value, ifVersion?: number): Promise<boolean> => this.change({ value, ifVersion }, key)
  delete = (key: string, ifVersion?: number): Promise<boolean> => this.change({ ifVersion }, key)
  /** Resolves when this copy has whatever was set, anywhere, before the call. */
  catchUp = (): Promise<boolean> => this.change({})
  close = (): void => this.changes.close()

  private async change(change: Change<Value>, key?: string): Promise<boolean> {
    const id = crypto.randomUUID()
    const made = new Promise<boolean>((resolve) => this.waiting.set(id, resolve))
    const safe = this.topic.publish(change, { id, key })
    return await Promise.race([safe.then(() => made), this.over]).finally(() => this.waiting.delete(id))
  }

  private async follow(): Promise<never> {
    for await (const item of this.changes) {
      if (item.kind === 'gap') throw new Error(`Changes ${item.from} to ${item.to} are gone: ${item.reason}.`)
      if (item.kind === 'event') this.apply(item)
    }
    throw new Error('The map is closed.')
  }

  private apply({ id, seq, key, data: { value, ifVersion } }: Event<Change<Value>>): void {
    const made = key !== undefined && (ifVersion === undefined || ifVersion === this.version(key))
    if (made && value !== undefined) this.entries.set(key, { value, version: seq })
    else if (made) this.entries.delete(key)
    this.waiting.get(id)?.(made)
  }
}
