// `lockstep dev`: a whole group in one process, over a fabric in memory. No server, nothing to set up: for trying,
// developing and testing.

import { CONFIG_KEYS, ConfigError, readConfig } from '../config.ts'
import type { Replica } from '../replica.ts'
import { REPLICA } from './client-flags.ts'
import { type Command, wholeNumber } from './command.ts'
import { stopOnBugs, untilEnded } from './until-ended.ts'

/** What this command decides by itself. */
const DECIDED = new Set(['name', 'group', 'roster', 'nats', 'listen', 'advertise', 'dataDir', 'durability'])
const HOST = '127.0.0.1'
const REPLICAS_MAX = 9

export const dev: Command = {
  name: 'dev',
  summary: 'runs a group of replicas in one process, without any server',
  about:
    'Runs a whole group in this process, its replicas on consecutive ports of this machine, and says how to publish and ' +
    'subscribe. Everything is kept in memory, and gone when it ends.',
  examples: ['lockstep dev --replicas 3 --port 7400'],
  ownFlags: [
    { flag: 'replicas', argument: 'N', description: `How many, 1 to ${REPLICAS_MAX}.`, default: '3' },
    { flag: 'port', argument: 'N', description: 'Port of the first; 0 takes any free ones.', default: '7400' },
    { flag: 'config', argument: 'FILE', description: 'A JSON file with the keys of the configuration.' },
  ],
  exits: [
    [0, 'it was told to end, by Ctrl-C or SIGTERM'],
    [1, 'a replica failed'],
  ],
  keys: CONFIG_KEYS.filter(({ key }) => !DECIDED.has(key)),
  async run(flags, environment) {
    const count = wholeNumber(flags, 'replicas', 3, 1, REPLICAS_MAX)
    const port = wholeNumber(flags, 'port', 7400, 0, 65_536 - count)
    const names = [...'abcdefghi'].slice(0, count)
    // Only here, and in `start`: the other commands, which need no replica, would begin half a second later.
    const [{ MemoryHub }, { createLog }, { Replica }] = await Promise.all([
      import('../fabric/memory.ts'),
      import('../log.ts'),
      import('../replica.ts'),
    ])
    // People read this terminal: only what they should look at.
    const quiet = { LOCKSTEP_LOG_LEVEL: 'warn', ...environment }
    const hub = new MemoryHub()
    const started: Replica[] = []
    const log = createLog('warn', 'dev')
    stopOnBugs(log)
    for (const [i, name] of names.entries()) {
      const listen = `${HOST}:${port === 0 ? 0 : port + i}`
      const config = readConfig(flags, quiet, { name, roster: names, listen })
      try {
        started.push(
          await Replica.start({
            config,
            log: createLog(config.logLevel, name),
            openFabric: (onBug) => hub.attach(onBug),
            processMetrics: i === 0,
          }),
        )
      } catch (error) {
        await Promise.all(started.map((replica) => replica.kill()))
        if (!(error instanceof ConfigError)) throw error
        throw new ConfigError([...error.problems, 'The first port is chosen by --port.'])
      }
    }
    const code = untilEnded(started, log)
    const ready = await Promise.race([Promise.all(started.map((replica) => replica.ready)), code])
    if (typeof ready !== 'number') process.stdout.write(welcome(started.map(({ name, url }) => ({ name, url }))))
    return await code
  },
}

/** Lines that work when pasted into a shell. */
export function welcome(replicas: readonly { readonly name: string; readonly url: string }[]): string {
  const url = (i: number): string => replicas[i % replicas.length]!.url
  const schema = '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}'
  const where = url(0) === REPLICA ? '' : ` --replica ${url(0)}`
  const json = "-H 'Content-Type: application/json'"
  return `
A group of ${replicas.length}, ready:
${replicas.map(({ name, url: at }) => `  ${name}  ${at}`).join('\n')}

Paste into other terminals. Create a topic:
  curl -X PUT ${url(0)}/v1/topics/greetings ${json} -d '{"schema":${schema}}'
Subscribe, at another replica:
  curl -N '${url(1)}/v1/events?topics=greetings&from=start'
Publish, at a third:
  curl ${url(2)}/v1/topics/greetings/events ${json} -d '{"text":"hello"}'
Who is in the group:
  curl ${url(0)}/v1/cluster

Or in the folder of this project:
  npx lockstep tail --follow greetings${where}
  echo '{"text":"hello again"}' | npx lockstep pub greetings${where}
  npx lockstep bench${where}
  npx lockstep --help

Ctrl-C ends it.
`
}
