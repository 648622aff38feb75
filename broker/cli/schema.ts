// `lockstep schema`: the type of a topic's events, shown or given.

import { readFileSync } from 'node:fs'
import { ConfigError } from '../config.ts'
import { AnswerError, ask, put, REPLICA_FLAG, replicasOf } from './client-flags.ts'
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
    {
      flag: 'incompatible',
      argument: '',
      description: 'With --put: even if events so far would not be valid. Later ones are checked again.',
    },
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
    const schema = readJson(file)
    const changed =
      flags['incompatible'] === true ? await putUnchecked(urls, path, schema) : await put(urls, path, { schema })
    process.stdout.write(`${JSON.stringify(changed)}\n`)
    return 0
  },
}

/** This schema alone: those after it are checked as before. */
async function putUnchecked(urls: readonly string[], path: string, schema: unknown): Promise<unknown> {
  const before = await compatibilityOf(urls, path)
  const topic = await put(urls, path, { schema, compatibility: 'none' })
  return before === 'none' ? topic : await put(urls, path, { compatibility: before })
}

async function compatibilityOf(urls: readonly string[], path: string): Promise<string> {
  try {
    return ((await ask(urls, path)) as { compatibility: string }).compatibility
  } catch (error) {
    if (error instanceof AnswerError && error.status === 404) return 'backward'
    throw error
  }
}

function readJson(file: string): unknown {
  const name = file === '-' ? 'stdin' : file
  try {
    return JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'))
  } catch (error) {
    throw new ConfigError([`${name} is no JSON file: ${(error as Error).message}`])
  }
}
