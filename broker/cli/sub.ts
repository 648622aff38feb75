// `lockstep sub`: prints the events of topics as they come, at whichever replica there is.

import { Client, type Item } from '../../clients/src/index.ts'
import { ConfigError, type Flags } from '../config.ts'
import { bold, forPeople, JSON_FLAG, REPLICA_FLAG, replicasOf } from './client-flags.ts'
import type { Command } from './command.ts'

/** Ended by Ctrl-C. */
const INTERRUPTED = 130

export const sub: Command = {
  name: 'sub',
  summary: 'prints events as they come',
  about:
    'Prints the events of topics, a line each: JSON in a pipe, columns on a terminal. Names may have wildcards: * stands for ' +
    'one token, > for the rest. It goes on at another replica by itself, without a gap and without anything twice. A gap of ' +
    'events that are gone is said on stderr.',
  examples: [
    'lockstep sub orders.new',
    "lockstep sub 'orders.>' prices.eu --from start --limit 100 | jq .data",
    'lockstep sub orders.new --from 2026-01-31T12:00:00Z',
  ],
  positionals: { usage: 'TOPIC...', least: 1, most: 1000 },
  ownFlags: [
    {
      flag: 'from',
      argument: 'PLACE',
      description: 'now, start, a seq, a time, or the token of an event, after which it goes on.',
      default: 'now',
    },
    { flag: 'limit', argument: 'N', description: 'Ends with 0 after so many events.' },
    { flag: 'views', argument: '', description: "Also the group's views, at their places." },
    REPLICA_FLAG,
    JSON_FLAG,
  ],
  keys: [],
  async run(flags, environment, topics) {
    const limit = limitOf(flags)
    const from = flags['from']
    const interrupted = new AbortController()
    process.once('SIGINT', () => interrupted.abort())
    process.once('SIGTERM', () => interrupted.abort())
    // Whoever read this has enough, as `head` does.
    process.stdout.on('error', () => interrupted.abort())
    const client = new Client({ replicas: replicasOf(flags, environment) })
    const items = client.subscribe(topics, {
      from: typeof from === 'string' ? from : undefined,
      views: flags['views'] === true,
      signal: interrupted.signal,
    })
    let left = limit
    try {
      for await (const item of items) {
        await print(item, forPeople(flags))
        if (item.kind === 'event' && --left === 0) return 0
      }
      return INTERRUPTED
    } catch (error) {
      process.stderr.write(`lockstep: ${(error as Error).message}\n`)
      return 1
    } finally {
      client.close()
    }
  },
}

async function print(item: Item<unknown>, people: boolean): Promise<void> {
  if (item.kind === 'gap') {
    const { from, to, reason } = item
    process.stderr.write(`lockstep: events between ${from} and ${to} may be gone: ${reason}\n`)
    return
  }
  const line = people ? lineOf(item) : JSON.stringify(item)
  if (process.stdout.write(`${line}\n`)) return
  await new Promise((resolve) => process.stdout.once('drain', resolve))
}

function lineOf(item: Exclude<Item<unknown>, { kind: 'gap' }>): string {
  if (item.kind === 'view') {
    const names = item.members.map(({ name }) => name).join(' ')
    const what = (['joined', 'left', 'failed'] as const).filter((change) => item[change].length > 0)
    const changes = what.map((change) => `${change} ${item[change].join(' ')}`).join(', ')
    return `${String(item.seq).padStart(8)}  ${bold(`view ${item.number}`)} [${names}] ${changes}`
  }
  const { seq, topic, key, data } = item
  return `${String(seq).padStart(8)}  ${bold(topic)}${key === undefined ? '' : ` ${key}`}  ${JSON.stringify(data)}`
}

function limitOf(flags: Flags): number {
  const text = flags['limit']
  if (text === undefined) return Number.POSITIVE_INFINITY
  if (typeof text === 'string' && /^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new ConfigError([`--limit takes a whole number from 1, and was given "${text}"`])
}
