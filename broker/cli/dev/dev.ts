// `lockstep dev`: a whole group in one process, over a fabric in memory. No server, nothing to set up: for trying,
// developing and testing, and for playing with what may happen to a group.

import { CONFIG_KEYS, ConfigError, readConfig } from '../../config.ts'
import { REPLICA } from '../client-flags.ts'
import { type Command, wholeNumber } from '../command.ts'
import { stopOnBugs, toldToStop, untilEnded } from '../until-ended.ts'

/** What this command decides by itself. */
const DECIDED = new Set(['name', 'group', 'roster', 'nats', 'listen', 'advertise', 'dataDir', 'durability'])
const HOST = '127.0.0.1'
const REPLICAS_MAX = 9

export const dev: Command = {
  name: 'dev',
  summary: 'runs a group of replicas in one process, without any server',
  about:
    'Runs a whole group in this process, its replicas on consecutive ports of this machine, and says how to publish and ' +
    'subscribe. Everything is kept in memory, and gone when it ends. The page at each of them can pause, kill and restart ' +
    'replicas, cut them off and lose datagrams, and shows whether what is promised holds meanwhile.',
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
    const [{ EmbeddedGroup }, { createLog }] = await Promise.all([import('./group.ts'), import('../../log.ts')])
    // People read this terminal: only what they should look at.
    const quiet = { LOCKSTEP_LOG_LEVEL: 'warn', ...environment }
    const configs = names.map((name, i) => {
      const listen = `${HOST}:${port === 0 ? 0 : port + i}`
      const config = readConfig(flags, quiet, { name, roster: names, listen })
      // The threads of the replicas cannot see whether this is a terminal.
      return config.logFormat === 'auto' && process.stdout.isTTY ? { ...config, logFormat: 'text' as const } : config
    })
    const log = createLog('warn', 'dev', { format: configs[0]!.logFormat })
    stopOnBugs(log)
    const told = toldToStop(log)
    const group = await EmbeddedGroup.start({ configs, random: Math.random }).catch((error: unknown) => {
      if (!(error instanceof ConfigError)) throw error
      throw new ConfigError([...error.problems, 'The first port is chosen by --port.'])
    })
    void group.ended.then(({ failed, reason }) => {
      if (failed) log.fatal({ reason }, 'the group failed, so it stops')
    })
    const code = untilEnded(group, told)
    const ready = await Promise.race([group.ready, code])
    if (typeof ready !== 'number') process.stdout.write(welcome(group.replicas))
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

Look at it in a browser, and play with it: pause, kill, restart, cut, lose datagrams:
  ${url(0)}/

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
