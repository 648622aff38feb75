// Reads server-sent events of a real connection, and waits for the ones that a test names.

import { createParser, type EventSourceMessage } from 'eventsource-parser'

export class EventReader {
  readonly messages: EventSourceMessage[] = []
  private readonly url: string
  private readonly abort: AbortController = new AbortController()
  private changed: () => void = () => {}
  private problem: unknown

  private constructor(url: string) {
    this.url = url
  }

  /** Resolves when the stream is open. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const reader = new EventReader(url)
    const response = await fetch(url, { headers, signal: reader.abort.signal })
    if (response.status !== 200) throw new Error(`${url}: ${response.status} ${await response.text()}`)
    void reader.read(response.body!).catch((error: unknown) => {
      reader.problem = error
      reader.changed()
    })
    return reader
  }

  /** Data of the messages of a kind. */
  data(kind: string): Record<string, unknown>[] {
    return this.messages.filter(({ event }) => event === kind).map(({ data }) => JSON.parse(data))
  }

  /** Resolves when so many messages of a kind were read; rejects, naming what it waited for, when that takes too long. */
  async until(kind: string, count: number, withinMs = 20_000): Promise<Record<string, unknown>[]> {
    const timeout = setTimeout(() => {
      this.problem ??= new Error(`${this.url}: waited for ${count} × ${kind}, and there are ${this.data(kind).length}`)
      this.changed()
    }, withinMs)
    try {
      while (this.data(kind).length < count) {
        if (this.problem !== undefined) throw this.problem
        await new Promise<void>((resolve) => {
          this.changed = resolve
        })
      }
    } finally {
      clearTimeout(timeout)
    }
    return this.data(kind)
  }

  close(): void {
    this.abort.abort()
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const parser = createParser({
      onEvent: (message) => {
        this.messages.push(message)
        this.changed()
      },
    })
    const decoder = new TextDecoder()
    for await (const chunk of body) parser.feed(decoder.decode(chunk, { stream: true }))
  }
}
