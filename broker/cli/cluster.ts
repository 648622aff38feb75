// `lockstep cluster`: who is in the group, as one replica sees it.

import { ask, forPeople, JSON_FLAG, REPLICA_FLAG, replicasOf, table } from './client-flags.ts'
import type { Command } from './command.ts'

interface Cluster {
  readonly view: {
    readonly number: number
    readonly members: readonly { name: string; url: string; rank: number; incarnation: string }[]
  }
  readonly self: string
  readonly primary: boolean
  readonly reason?: string
  readonly history: string
  readonly seq: number
  readonly digest: string
}

export const cluster: Command = {
  name: 'cluster',
  summary: 'shows who is in the group',
  about: 'Shows the view of the group as one replica sees it.',
  examples: ['lockstep cluster', 'lockstep cluster --replica http://127.0.0.1:7401 | jq .view.members'],
  ownFlags: [REPLICA_FLAG, JSON_FLAG],
  exits: [
    [0, 'that replica is in a primary view: it takes publishes'],
    [1, 'it is not, or no replica answers'],
  ],
  keys: [],
  async run(flags, environment) {
    const seen = (await ask(replicasOf(flags, environment), '/v1/cluster')) as Cluster
    if (forPeople(flags)) {
      const { view, self, primary, reason, history, seq, digest } = seen
      const rows = view.members.map(({ rank, name, url, incarnation }) => [
        rank,
        name === self ? `${name} (asked)` : name,
        url,
        incarnation,
      ])
      const state = primary ? 'primary' : `not primary: ${reason ?? 'unknown'}`
      process.stdout.write(`view ${view.number}, ${state}\n${table(['rank', 'name', 'url', 'incarnation'], rows)}\n`)
      process.stdout.write(`history ${history}, seq ${seq}, digest ${digest}\n`)
    } else process.stdout.write(`${JSON.stringify(seen)}\n`)
    return seen.primary ? 0 : 1
  },
}
