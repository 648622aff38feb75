// The readers of `/v1/cluster/changes`: each is told the state of the replica first, then each change as it happens, by
// server-sent events. Changes are few and small, and nothing is kept for anybody: a reader that has not taken what was
// written misses what happens meanwhile, and is told the state anew when it has.

import type { ServerResponse } from 'node:http'
import type { Operations } from './operations.ts'

/** All are told in one go, in the middle of a change of view: so they must be few. Each is a connection, too. */
const READERS_MAX = 100
/** A client waits so long before it comes back. */
const RETRY_MS = 1000

export class ChangeStreams {
  private readonly operations: Operations
  private readonly open = new Set<ChangeStream>()
  private stopWatching: () => void = () => {}
  private closing: string | undefined

  constructor(operations: Operations) {
    this.operations = operations
  }

  /** Why no further stream is opened, if so. */
  get ending(): string | undefined {
    return this.closing
  }

  get full(): boolean {
    return this.open.size >= READERS_MAX
  }

  get size(): number {
    return this.open.size
  }

  start(response: ServerResponse): void {
    if (this.open.size === 0) this.watch()
    const stream = new ChangeStream(response, this.operations)
    this.open.add(stream)
    response.on('close', () => {
      if (this.open.delete(stream) && this.open.size === 0) this.stopWatching()
    })
    response.on('error', () => {}) // It is closed, too.
  }

  heartbeat(): void {
    for (const stream of this.open) stream.write(': heartbeat\n\n')
  }

  end(comment: string): void {
    this.closing = comment
    for (const stream of this.open) stream.end(comment)
  }

  private watch(): void {
    this.stopWatching = this.operations.watchCluster((change) => {
      const text = messageOf('change', change)
      for (const stream of this.open) stream.tell(text)
    })
  }
}

class ChangeStream {
  private readonly response: ServerResponse
  private readonly operations: Operations
  private missed = 0

  constructor(response: ServerResponse, operations: Operations) {
    this.response = response
    this.operations = operations
    response.on('drain', () => {
      if (this.missed > 0) this.tellState()
    })
    response.flushHeaders()
    this.write(`retry: ${RETRY_MS}\n\n`)
    this.tellState()
  }

  tell(text: string): void {
    if (!this.write(text)) this.missed++
  }

  /** False: the reader has not taken what was written before. */
  write(text: string): boolean {
    const { response } = this
    if (response.writableNeedDrain || response.writableEnded) return false
    response.write(text)
    return true
  }

  end(comment: string): void {
    this.response.end(`: ${comment}\n\n`)
  }

  private tellState(): void {
    const { missed } = this
    this.missed = 0
    this.write(messageOf('state', { at: new Date().toISOString(), missed, cluster: this.operations.cluster() }))
  }
}

function messageOf(event: 'state' | 'change', value: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`
}
