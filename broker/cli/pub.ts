// `lockstep pub`: publishes what comes on stdin, a JSON text a line, as fast as the group takes it.

import { createInterface } from 'node:readline'
import { Client, LockstepError } from '../../clients/src/index.ts'
import { ConfigError, type Flags } from '../config.ts'
import { REPLICA_FLAG, replicasOf } from './client-flags.ts'
import type { Command } from './command.ts'

/** How often a person is told how far it is. */
const PROGRESS_MS = 500

export const pub: Command = {
  name: 'pub',
  summary: 'publishes lines of JSON from stdin',
  about:
    'Publishes every line of stdin as the data of an event, and exits with 0 when all are safe: when every member of the ' +
    'view holds them. It stops at the first line that is refused, says which and why, and exits with 1; nothing after that ' +
    'line is published. With --publisher the same input may be given again after a failure, or be mended at that line and ' +
    'behind it: what was published already is not published again.',
  examples: [
    'lockstep pub orders.new < orders.ndjson',
    'lockstep pub orders.new --publisher import-2026-01-31 < orders.ndjson',
    `echo '{"text":"hello"}' | lockstep pub greetings`,
  ],
  positionals: { usage: 'TOPIC', least: 1, most: 1 },
  ownFlags: [
    {
      flag: 'publisher',
      argument: 'ID',
      description: 'Who publishes. The same id with the same lines publishes nothing twice. Default: a random one.',
    },
    { flag: 'key', argument: 'NAME', description: "The property of each event's data that becomes its key." },
    { flag: 'type', argument: 'TEXT', description: "The events' type. Default: the topic's name." },
    REPLICA_FLAG,
  ],
  keys: [],
  async run(flags, environment, [topic = '']) {
    const publisherId = text(flags, 'publisher')
    if (publisherId !== undefined && !/^[\x21-\x7d][\x21-\x7e]{0,254}$/.test(publisherId)) {
      throw new ConfigError(['--publisher takes 1 to 255 visible characters of ASCII, and does not begin with ~'])
    }
    const client = new Client({ replicas: replicasOf(flags, environment), publisherId, stopAtRefusal: true })
    const progress = new Progress(client)
    try {
      return await publishLines(client, topic, flags, progress)
    } finally {
      progress.end()
      client.close()
    }
  },
}

async function publishLines(client: Client, topic: string, flags: Flags, progress: Progress): Promise<number> {
  const key = text(flags, 'key')
  const type = text(flags, 'type')
  let failure: { line: number; error: unknown } | undefined
  const fail = (line: number, error: unknown): void => {
    if (failure === undefined || line < failure.line) failure = { line, error }
  }
  let line = 0
  for await (const input of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++
    if (input.trim() === '') continue
    if (failure !== undefined) break
    const number = line
    let data: unknown
    try {
      data = JSON.parse(input)
    } catch (error) {
      fail(number, error)
      break
    }
    const value = key === undefined ? undefined : (data as Record<string, unknown> | null)?.[key]
    const options = { ...(value !== undefined && { key: String(value) }), ...(type !== undefined && { type }) }
    client.publish(topic, data, options).then(
      () => progress.published++,
      (error: unknown) => fail(number, error),
    )
    await client.ready()
  }
  await client.flushed()
  // The last promises are settled in this turn.
  await new Promise((resolve) => setImmediate(resolve))
  if (failure === undefined) return 0
  process.stderr.write(`lockstep: line ${failure.line}: ${describe(failure.error)}\n`)
  return 1
}

function describe(error: unknown): string {
  if (!(error instanceof LockstepError)) return (error as Error).message
  return [error.message, ...error.errors.map(({ path, message }) => `  ${path} ${message}`)].join('\n')
}

function text(flags: Flags, flag: string): string | undefined {
  const value = flags[flag]
  return typeof value === 'string' ? value : undefined
}

/** On a terminal, how many and how fast; else nothing. */
class Progress {
  published = 0
  private readonly client: Client
  private readonly beganAt = performance.now()
  private readonly timer: NodeJS.Timeout | undefined

  constructor(client: Client) {
    this.client = client
    if (process.stderr.isTTY === true) this.timer = setInterval(() => this.show('\r'), PROGRESS_MS)
  }

  end(): void {
    if (this.timer === undefined) return
    clearInterval(this.timer)
    this.show('\r')
    process.stderr.write('\n')
  }

  private show(before: string): void {
    const seconds = (performance.now() - this.beganAt) / 1000
    const rate = Math.round(this.published / Math.max(seconds, 0.001))
    const where = this.client.cluster === undefined ? 'no replica answers yet' : `at ${this.client.cluster.replica}`
    process.stderr.write(`${before}${this.published} published, ${rate}/s, ${where}\u001b[K`)
  }
}
