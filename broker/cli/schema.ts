// `lockstep schema`: the type of a topic's events, shown or given.

import { readFileSync } from 'node:fs'
import { ConfigError } from '../config.ts'
import { ask, put, REPLICA_FLAG, replicasOf } from './client-flags.ts'
import type { Command } from './command.ts'

export const schema: Command = {
  name: 'schema',
  summary: "shows or sets the JSON Schema of a topic's events",
  about:
    "Shows the JSON Schema of a topic's events. With --put it gives the topic a new one, and creates the topic if there " +
    'is none; a schema under which not every event so far would be valid is refused, unless --incompatible.',
  examples: ['lockstep schema orders.new', 'lockstep schema orders.new --put order.schema.json'],
  positionals: { usage: 'TOPIC', least: 1, most: 1, offers: 'topics' },
  ownFlags: [
    { flag: 'version', argument: 'N', description: 'Which version.', default: 'latest' },
    { flag: 'put', argument: 'FILE', description: 'The new schema; - is stdin.' },
    { flag: 'incompatible', argument: '', description: 'With --put: even if events so far would not be valid.' },
    REPLICA_FLAG,
  ],
  exits: [
    [0, 'shown, or set'],
    [1, 'there is none, it was refused, or no replica answers'],
  ],
  keys: [],
  async run(flags, environment, [topic = '']) {
    const urls = replicasOf(flags, environment)
    const path = `/v1/topics/${encodeURIComponent(topic)}`
    const file = flags['put']
    if (typeof file !== 'string') {
      const version = flags['version'] ?? 'latest'
      const found = (await ask(urls, `${path}/schemas/${encodeURIComponent(String(version))}`)) as { schema: unknown }
      process.stdout.write(`${JSON.stringify(found.schema, undefined, 2)}\n`)
      return 0
    }
    const settings = {
      schema: readJson(file),
      ...(flags['incompatible'] === true && { compatibility: 'none' }),
    }
    process.stdout.write(`${JSON.stringify(await put(urls, path, settings))}\n`)
    return 0
  },
}

function readJson(file: string): unknown {
  const name = file === '-' ? 'stdin' : file
  try {
    return JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'))
  } catch (error) {
    throw new ConfigError([`${name} is no JSON file: ${(error as Error).message}`])
  }
}
