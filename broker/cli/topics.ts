// `lockstep topics`: what topics there are; one of them; creating, changing and deleting one.

import { ConfigError, type Flags } from '../config.ts'
import { ask, bold, forPeople, JSON_FLAG, put, REPLICA_FLAG, readable, replicasOf, table } from './client-flags.ts'
import { type Command, LARGEST, wholeNumber } from './command.ts'

export interface Topic {
  readonly topic: string
  readonly schemaVersion: number
  readonly offset: number
  readonly oldestOffset: number
  readonly events: number
  readonly bytes: number
  readonly retention: { readonly events: number; readonly bytes: number; readonly ageMs: number }
}

export const topics: Command = {
  name: 'topics',
  summary: 'lists topics; creates, changes or deletes one',
  about:
    'Without a name: lists all topics. With one: shows it; --create makes it, or changes what the flags name; --delete ' +
    'deletes it with its events.',
  examples: [
    'lockstep topics',
    'lockstep topics orders.new --create --keep-events 100000',
    'lockstep topics orders.new --delete',
  ],
  positionals: { usage: '[NAME]', least: 0, most: 1, offers: 'topics' },
  ownFlags: [
    { flag: 'create', argument: '', description: 'Creates it; if it is there, changes it.' },
    { flag: 'delete', argument: '', description: 'Deletes it, and its events.' },
    { flag: 'keep-events', argument: 'N', description: 'How many of the newest events are kept; 0: no such limit.' },
    {
      flag: 'keep-bytes',
      argument: 'N',
      description: 'How many bytes of the newest events are kept; 0: no such limit.',
    },
    { flag: 'keep-ms', argument: 'N', description: 'How old an event may get, in milliseconds; 0: no such limit.' },
    REPLICA_FLAG,
    JSON_FLAG,
  ],
  exits: [
    [0, 'shown, or done'],
    [1, 'there is no such topic, it was refused, or no replica answers'],
  ],
  keys: [],
  async run(flags, environment, [name]) {
    const urls = replicasOf(flags, environment)
    if (name === undefined) {
      if (flags['create'] === true || flags['delete'] === true)
        throw new ConfigError(['which topic? lockstep topics NAME'])
      return await list(flags, urls)
    }
    const path = `/v1/topics/${encodeURIComponent(name)}`
    if (flags['delete'] === true) await ask(urls, path, { method: 'DELETE' })
    else {
      const asked = flags['create'] === true ? put(urls, path, settingsOf(flags)) : ask(urls, path)
      const topic = (await asked) as Topic
      if (forPeople(flags)) process.stdout.write(describe(topic))
      else print(flags, [topic])
    }
    return 0
  },
}

async function list(flags: Flags, urls: readonly string[]): Promise<number> {
  print(flags, await allTopics(urls))
  return 0
}

export async function allTopics(urls: readonly string[]): Promise<Topic[]> {
  const all: Topic[] = []
  for (let after = ''; ; ) {
    const path = `/v1/topics${after === '' ? '' : `?after=${encodeURIComponent(after)}`}`
    const page = (await ask(urls, path)) as { topics: Topic[]; next?: string }
    all.push(...page.topics)
    if (page.next === undefined) break
    after = page.next
  }
  return all
}

function print(flags: Flags, all: readonly Topic[]): void {
  if (!forPeople(flags)) {
    for (const topic of all) process.stdout.write(`${JSON.stringify(topic)}\n`)
    return
  }
  const rows = all.map(({ topic, schemaVersion, offset, events, bytes }) => [
    topic,
    schemaVersion,
    offset,
    events,
    bytes,
  ])
  process.stdout.write(`${table(['topic', 'schema', 'offset', 'kept', 'bytes'], rows)}\n`)
}

function describe({ topic, schemaVersion, offset, oldestOffset, events, bytes, retention }: Topic): string {
  const limits = [
    ...(retention.events > 0 ? [`the newest ${readable(retention.events)} events`] : []),
    ...(retention.bytes > 0 ? [`${readable(retention.bytes)} bytes`] : []),
    ...(retention.ageMs > 0 ? [`${readable(retention.ageMs)} ms`] : []),
  ]
  const offsets = events === 0 ? '' : `, at the offsets ${readable(oldestOffset)} to ${readable(offset)}`
  return [
    bold(topic),
    `  type       ${schemaVersion === 0 ? 'any JSON' : `version ${schemaVersion} of its schema: lockstep schema ${topic}`}`,
    `  published  ${readable(offset)}`,
    `  kept       ${readable(events)}${offsets}; ${readable(bytes)} bytes`,
    `  keeps      ${limits.length === 0 ? 'everything' : limits.join(', ')}`,
    '',
  ].join('\n')
}

function settingsOf(flags: Flags): object {
  const limit = (flag: string): number | undefined =>
    flags[flag] === undefined ? undefined : wholeNumber(flags, flag, 0, 0, LARGEST)
  const [events, bytes, ageMs] = ['keep-events', 'keep-bytes', 'keep-ms'].map(limit)
  const retention = {
    ...(events !== undefined && { events }),
    ...(bytes !== undefined && { bytes }),
    ...(ageMs !== undefined && { ageMs }),
  }
  return Object.keys(retention).length === 0 ? {} : { retention }
}
