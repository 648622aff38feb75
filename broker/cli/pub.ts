// `lockstep pub`: publishes what comes on stdin, a JSON text a line, as fast as the group takes it.

import { createInterface } from 'node:readline'
import { type Client, LockstepError } from '../../clients/src/index.ts'
import { ConfigError, type Flags } from '../config.ts'
import { attach, look } from './attach.ts'
import { byCommands, REPLICA_FLAG, readable, replicasOf } from './client-flags.ts'
import type { Command } from './command.ts'
import { exitCode, INTERRUPTED, interruption } from './interruption.ts'
import { note, Progress } from './notes.ts'

export const pub: Command = {
  name: 'pub',
  summary: 'publishes lines of JSON from stdin',
  about:
    'Publishes every line of stdin as the data of an event, and ends when all are safe: when every member of the view ' +
    'holds them. It stops at the first line that is refused, and says which and why; nothing after that line is ' +
    'published. With --publisher the same input may be given again after a failure, even if this process was killed, or ' +
    'be mended at the refused line and behind it: what was published already is not published again.',
  examples: [
    'lockstep pub orders.new < orders.ndjson',
    'lockstep pub orders.new --publisher import-2026-01-31 < orders.ndjson',
    `echo '{"text":"hello"}' | lockstep pub greetings`,
  ],
  positionals: { usage: 'TOPIC', least: 1, most: 1, offers: 'topics' },
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
  exits: [
    [0, 'every line is safe'],
    [1, 'a line was refused, those before it are safe; or no replica answers at the beginning'],
    INTERRUPTED,
  ],
  keys: [],
  async run(flags, environment, [topic = '']) {
    const publisherId = text(flags, 'publisher')
    if (publisherId !== undefined && !/^[\x21-\x7d][\x21-\x7e]{0,254}$/.test(publisherId)) {
      throw new ConfigError(['--publisher takes 1 to 255 visible characters of ASCII, and does not begin with ~'])
    }
    const urls = replicasOf(flags, environment)
    const signal = interruption()
    await look(urls)
    if (process.stdin.isTTY) note('publishes each line of JSON that you type; Ctrl-D ends')
    const client = attach(urls, { publisherId, stopAtRefusal: true })
    // Whatever waits for the group ends then, too.
    signal.addEventListener('abort', () => client.close())
    const lines = new Lines(client, topic, flags)
    const progress = new Progress(() => lines.progress())
    const failure = await lines.publishAll(signal)
    progress.end()
    client.close()
    if (signal.aborted) {
      const next = publisherId === undefined ? '' : '; the same command goes on behind them'
      note(`interrupted: the first ${readable(lines.published)} are safe${next}`)
      return exitCode(signal)
    }
    if (failure === undefined) return 0
    note(`line ${failure.line}: ${describe(failure.error)}`)
    return 1
  },
}

class Lines {
  published = 0
  private readonly client: Client
  private readonly topic: string
  private readonly key: string | undefined
  private readonly type: string | undefined
  private readonly beganAt = performance.now()

  constructor(client: Client, topic: string, flags: Flags) {
    this.client = client
    this.topic = topic
    this.key = text(flags, 'key')
    this.type = text(flags, 'type')
  }

  /** Resolves with the first line that failed, and why. */
  async publishAll(signal: AbortSignal): Promise<{ line: number; error: unknown } | undefined> {
    const { client, topic, key, type } = this
    let failure: { line: number; error: unknown } | undefined
    const fail = (line: number, error: unknown): void => {
      if (failure === undefined || line < failure.line) failure = { line, error }
    }
    let line = 0
    const input = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal })
    for await (const json of input) {
      line++
      if (json.trim() === '') continue
      if (failure !== undefined) break
      const number = line
      let data: unknown
      try {
        data = JSON.parse(json)
      } catch (error) {
        fail(number, new Error(`this is no JSON: ${(error as Error).message}`))
        break
      }
      const value = key === undefined ? undefined : (data as Record<string, unknown> | null)?.[key]
      const options = { ...(value !== undefined && { key: String(value) }), ...(type !== undefined && { type }) }
      client.publish(topic, data, options).then(
        () => this.published++,
        (error: unknown) => fail(number, error),
      )
      await client.ready()
    }
    await client.flushed()
    // The last promises are settled in this turn.
    await new Promise((resolve) => setImmediate(resolve))
    return failure
  }

  progress(): string {
    const seconds = (performance.now() - this.beganAt) / 1000
    const rate = Math.round(this.published / Math.max(seconds, 0.001))
    const where = this.client.cluster === undefined ? 'no replica answers yet' : `at ${this.client.cluster.replica}`
    return `${readable(this.published)} published, ${readable(rate)}/s, ${where}`
  }
}

function describe(error: unknown): string {
  if (!(error instanceof LockstepError)) return (error as Error).message
  return [byCommands(error.message), ...error.errors.map(({ path, message }) => `  ${path} ${message}`)].join('\n')
}

function text(flags: Flags, flag: string): string | undefined {
  const value = flags[flag]
  return typeof value === 'string' ? value : undefined
}
