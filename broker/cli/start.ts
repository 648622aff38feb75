// `lockstep start`: one replica of a real group, over NATS.

import { CONFIG_KEYS, readConfig } from '../config.ts'
import type { Command } from './command.ts'
import { stopOnBugs, untilEnded } from './until-ended.ts'

export const start: Command = {
  name: 'start',
  summary: 'runs one replica, over NATS',
  about:
    'Runs one replica. Replicas with the same --group find each other over the NATS servers given; started for the ' +
    'first time, all that are named in --roster form the group, others join it. It writes JSON log lines to stdout, ' +
    'one of them "ready" when it is a member, and leaves the group on SIGTERM.',
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
    const config = readConfig(flags, environment)
    // Only here, and in `dev`: the other commands, which need no replica, would begin half a second later.
    const [{ connectNats }, { createLog }, { Replica }] = await Promise.all([
      import('../fabric/nats.ts'),
      import('../log.ts'),
      import('../replica.ts'),
    ])
    const log = createLog(config.logLevel, config.name)
    stopOnBugs(log)
    const replica = await Replica.start({
      config,
      log,
      openFabric: (onBug) =>
        connectNats({
          servers: config.nats,
          group: config.group,
          name: config.name,
          onProblem: (text) => log.warn(text),
          onBug,
        }),
    })
    return await untilEnded([replica], log)
  },
}
