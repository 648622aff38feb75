// A server over a model of a replica, on a real socket, and ways to talk to it: whole requests, streams, bare bytes.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { ExecutionContext } from 'ava'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { Limits } from '../../broker/http/operations.ts'
import type { Problem } from '../../broker/http/problem.ts'
import { type HttpOptions, type HttpServer, listen } from '../../broker/http/server.ts'
import { ReplicaModel } from './replica-model.ts'

export interface Served {
  readonly replica: ReplicaModel
  readonly server: HttpServer
  readonly url: string
  /** Bugs that the server was told of. */
  readonly bugs: unknown[]
  /** Lets the time of a heartbeat come. */
  beat(): void
}

export async function serve(
  t: ExecutionContext,
  limits: Partial<Limits> = {},
  options: Partial<HttpOptions> = {},
): Promise<Served> {
  const replica = new ReplicaModel(limits)
  const bugs: unknown[] = []
  const beats = new Set<() => void>()
  const server = await listen(replica, {
    host: '127.0.0.1',
    port: 0,
    unexpected: (error) => bugs.push(error),
    every: (_ms, call) => {
      beats.add(call)
      return () => beats.delete(call)
    },
    ...options,
  })
  t.teardown(() => server.close(0))
  const beat = () => {
    for (const call of beats) call()
  }
  return { replica, server, url: `http://127.0.0.1:${server.port}`, bugs, beat }
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly value: any
}

export async function send(url: string, init: RequestInit & { method?: string } = {}): Promise<Reply> {
  const { status, headers, text } = await fetch(url, init).then(async (response) => ({
    status: response.status,
    headers: response.headers,
    text: await response.text(),
  }))
  const json = headers.get('content-type')?.includes('json') === true && text !== ''
  const value = json ? JSON.parse(text) : undefined
  if (status >= 400 && init.method !== 'HEAD') assertProblem(status, headers.get('content-type'), value)
  return { status, headers, text, value }
}

export function sendJson(
  method: string,
  url: string,
  value?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const body = value === undefined ? {} : { body: JSON.stringify(value) }
  return send(url, { method, headers: { 'Content-Type': 'application/json', ...headers }, ...body })
}

/** As bytes, for bodies that are not text. */
export function post(
  url: string,
  type: string | undefined,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : Uint8Array.from(body)
  const given = type === undefined ? headers : { 'Content-Type': type, ...headers }
  return send(url, { method: 'POST', headers: given, body: bytes })
}

const isProblem = compileSchema('problem.schema.json')

export function assertProblem(status: number, contentType: string | null | undefined, value: Problem): void {
  assert.equal(contentType, 'application/problem+json')
  assert.ok(isProblem(value), JSON.stringify([value, isProblem.errors]))
  assert.equal(value.status, status)
}

export function compileSchema(file: string): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
  formats.default(ajv)
  return ajv.compile(JSON.parse(readFileSync(new URL(`../../schemas/${file}`, import.meta.url), 'utf8')))
}

/** One subscriber, with all that it was sent. */
export class Subscriber {
  readonly messages: EventSourceMessage[] = []
  text = ''
  ended = false
  headers: IncomingHttpHeaders = {}
  private response: IncomingMessage | undefined
  private changed: () => void = () => {}

  static async open(t: ExecutionContext, url: string, headers: Record<string, string> = {}): Promise<Subscriber> {
    const subscriber = new Subscriber()
    const outgoing = httpRequest(url, { headers, agent: false }).end()
    t.teardown(() => outgoing.destroy())
    outgoing.on('error', () => {})
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve)
      outgoing.once('error', reject)
    })
    assert.equal(response.statusCode, 200)
    subscriber.response = response
    subscriber.headers = response.headers
    const parser = createParser({ onEvent: (message) => subscriber.messages.push(message) })
    const decoder = new TextDecoder()
    response.on('data', (chunk: Buffer) => {
      const text = decoder.decode(chunk, { stream: true })
      subscriber.text += text
      parser.feed(text)
      subscriber.changed()
    })
    response.once('close', () => {
      subscriber.ended = true
      subscriber.changed()
    })
    response.on('error', () => {})
    return subscriber
  }

  // biome-ignore lint/suspicious/noExplicitAny: events have data of many shapes
  data(kind: string = 'event'): any[] {
    return this.messages.filter(({ event }) => event === kind).map(({ data }) => JSON.parse(data))
  }

  /** Resolves when what is named has come; rejects when it doesn't come. */
  async until(name: string, met: (subscriber: this) => boolean, withinMs = 10_000): Promise<this> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.changed()
    }, withinMs)
    while (!met(this)) {
      if (late || this.ended) throw new Error(`${name} did not come. There came: ${this.text.slice(-2000)}`)
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
    clearTimeout(timer)
    return this
  }

  events(count: number): Promise<this> {
    return this.until(`${count} events`, () => this.messages.length >= count)
  }

  /** Resolves when the server has ended the stream. */
  async end(): Promise<void> {
    while (!this.ended) {
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
  }

  close(): void {
    this.response?.destroy()
  }
}

/** A connection on which anything may be said. */
export class Bare {
  readonly socket: Socket
  text = ''
  closed = false
  private changed: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1')
      this.changed()
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      this.closed = true
      this.changed()
    })
  }

  static async open(t: ExecutionContext, { server }: Served): Promise<Bare> {
    const socket = connect(server.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    return new Bare(socket)
  }

  say(text: string | Uint8Array): void {
    this.socket.write(text)
  }

  async until(name: string, met: (text: string) => boolean, withinMs = 10_000): Promise<string> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.changed()
    }, withinMs)
    while (!met(this.text)) {
      if (late || this.closed) throw new Error(`${name} did not come. There came: ${this.text}`)
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
    clearTimeout(timer)
    return this.text
  }

  /** The first answer, which must be a problem document. */
  async problem(): Promise<{ head: string; problem: Problem }> {
    await this.until('a whole answer', (text) => /^\{.*\}\n/ms.test(text.split('\r\n\r\n').slice(1).join('')))
    const [head = '', body = ''] = this.text.split('\r\n\r\n')
    const problem = JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)) as Problem
    const status = Number(head.split(' ')[1])
    assertProblem(status, /^content-type: (.*)$/im.exec(head)?.[1], problem)
    return { head, problem }
  }

  async end(): Promise<void> {
    while (!this.closed) {
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
  }
}

/** Resolves when a condition holds that nothing tells of. */
export async function eventually(name: string, met: () => boolean, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!met()) {
    if (performance.now() > deadline) throw new Error(`${name} did not come about`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
