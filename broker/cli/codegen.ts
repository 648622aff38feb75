// `lockstep codegen`: the types of topics as a TypeScript module, from the schemas that the group has now.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { ConfigError } from '../config.ts'
import { matches, patternFault, topicNameFault } from '../events/patterns.ts'
import { AnswerError, ask, REPLICA_FLAG, replicasOf } from './client-flags.ts'
import type { Command } from './command.ts'
import { type SchemaOfTopic, typesModule } from './topic-types.ts'
import { allTopics, type Topic } from './topics.ts'

/** Schemas that are asked for at a time. */
const AT_A_TIME = 16

export const codegen: Command = {
  name: 'codegen',
  summary: 'writes TypeScript types for topics',
  about:
    "Makes a TypeScript module from the schemas of the group's topics: a type for each topic's events, and the interface " +
    "Topics, from a topic's name to its type. Topics without a schema are unknown. Without patterns it takes all topics but " +
    "the system's. The same schemas give the same text. It prints the module, or writes it to a file, if that changes.",
  examples: [
    'lockstep codegen --out src/topics.ts',
    "lockstep codegen 'orders.>' flights.eu > topics.ts",
    'lockstep codegen --out src/topics.ts --check',
  ],
  positionals: { usage: '[PATTERN...]', least: 0, most: 1000 },
  ownFlags: [
    { flag: 'out', argument: 'FILE', description: 'Where to write the module. It is never there in part.' },
    {
      flag: 'check',
      argument: '',
      description: 'Writes nothing, and exits with 1 if the file given by --out is not what would be written.',
    },
    REPLICA_FLAG,
  ],
  exits: [
    [0, 'the module is written, or it was up to date'],
    [1, 'no replica answers, or with --check: the file is not up to date'],
  ],
  keys: [],
  async run(flags, environment, patterns) {
    const { out, check } = flags
    for (const pattern of patterns) {
      const fault = patternFault(pattern)
      if (fault !== undefined) throw new ConfigError([`"${pattern}" chooses no topics: ${fault}`])
    }
    if (check === true && typeof out !== 'string') throw new ConfigError(['--check needs --out FILE, to look at'])

    const { text, faults } = await typesModule(await schemasOf(replicasOf(flags, environment), patterns))
    for (const { topic, why } of faults) {
      process.stderr.write(`lockstep: ${topic} stays unknown, of its schema no type can be made: ${why}\n`)
    }
    if (typeof out !== 'string') process.stdout.write(text)
    else if (read(out) === text) process.stderr.write(`${out} is up to date\n`)
    else if (check === true) throw new AnswerError(`${out} is not up to date; without --check it is written anew`)
    else {
      replace(out, text)
      process.stderr.write(`${out} is written\n`)
    }
    return 0
  },
}

async function schemasOf(urls: readonly string[], patterns: readonly string[]): Promise<SchemaOfTopic[]> {
  const wanted = patterns.length > 0 ? patterns : ['>']
  const topics = (await allTopics(urls)).filter(({ topic }) => wanted.some((pattern) => matches(pattern, topic)))
  if (topics.length === 0) {
    throw new AnswerError(patterns.length === 0 ? 'the group has no topics' : `no topic matches ${patterns.join(' ')}`)
  }
  const found: SchemaOfTopic[] = []
  for (let i = 0; i < topics.length; i += AT_A_TIME) {
    found.push(...(await Promise.all(topics.slice(i, i + AT_A_TIME).map((topic) => schemaOf(urls, topic)))))
  }
  return found
}

async function schemaOf(urls: readonly string[], { topic, schemaVersion }: Topic): Promise<SchemaOfTopic> {
  // It is written into the module as it is.
  if (topicNameFault(topic.replace(/^\$/, '')) !== undefined) {
    throw new AnswerError(`the replica answers with a topic that cannot be one: ${JSON.stringify(topic)}`)
  }
  if (schemaVersion === 0) return { topic, schema: undefined }
  const path = `/v1/topics/${encodeURIComponent(topic)}/schemas/latest`
  const { schema } = (await ask(urls, path)) as { schema: unknown }
  return { topic, schema }
}

/** Undefined: there is no such file. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new AnswerError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

/** Whoever reads the file meanwhile finds the old text or the new one. */
function replace(file: string, text: string): void {
  const beside = `${file}.${process.pid}.new`
  try {
    writeFileSync(beside, text)
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw new AnswerError(`${file} cannot be written: ${(error as Error).message}`)
  }
}
