// `lockstep start`: one replica of a real group, over NATS.

import { CONFIG_KEYS, ConfigError, type ReplicaConfig, readConfig } from '../config.ts'
import type { Command } from './command.ts'
import { stopOnBugs, toldToStop, untilEnded } from './until-ended.ts'

export const start: Command = {
  name: 'start',
  summary: 'runs one replica, over NATS',
  about:
    'Runs one replica. Replicas with the same --group find each other over the NATS servers given; started for the ' +
    'first time, all that are named in --roster form the group, others join it. It writes log lines to stdout, for ' +
    'people on a terminal and as JSON elsewhere, one of them "ready" when it is a member, and leaves the group on SIGTERM.',
  examples: [
    'lockstep start --name a --roster a,b,c --listen 127.0.0.1:7400',
    'lockstep start --name b --roster a,b,c --listen 127.0.0.1:7401',
    'lockstep start --name c --roster a,b,c --listen 127.0.0.1:7402',
  ],
  ownFlags: [{ flag: 'config', argument: 'FILE', description: 'A JSON file with the keys of the configuration.' }],
  exits: [
    [0, 'it was told to end, by SIGTERM or Ctrl-C'],
    [1, 'a bug: it stopped, and the others go on'],
  ],
  keys: CONFIG_KEYS,
  async run(flags, environment) {
    try {
      return await runReplica(readConfig(flags, environment))
    } catch (error) {
      if (error instanceof ConfigError)
        await logRefusal(error, String(flags['name'] ?? environment['LOCKSTEP_NAME'] ?? ''))
      throw error
    }
  },
}

async function runReplica(config: ReplicaConfig): Promise<number> {
  // Only here, and in `dev`: the other commands, which need no replica, would begin half a second later.
  const [{ connectNats }, { createLog }, { Replica }] = await Promise.all([
    import('../fabric/nats.ts'),
    import('../log.ts'),
    import('../replica.ts'),
  ])
  const log = createLog(config.logLevel, config.name, { format: config.logFormat })
  stopOnBugs(log)
  const told = toldToStop(log)
  const replica = await Replica.start({
    config,
    log,
    openFabric: (onBug, onProblem) =>
      connectNats({ servers: config.nats, group: config.group, name: config.name, onProblem, onBug }),
  })
  return await untilEnded(replica, told)
}

/** Whoever started it reads it on stderr; where logs are collected, it is a line among the others, too. */
async function logRefusal({ problems }: ConfigError, replica: string): Promise<void> {
  if (process.stdout.isTTY) return
  const { createLog } = await import('../log.ts')
  createLog('info', replica).fatal({ problems }, 'the configuration is refused')
}
