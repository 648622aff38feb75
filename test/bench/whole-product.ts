// Replicas as they are run by people, over a server of their own: for what is measured through HTTP and streams.

import { Lockstep } from '../cli/lockstep.ts'
import { ROSTER, type Server, soon, startServer } from './processes.ts'

// Should this process end in the middle, its replicas end with it.
const started = new Set<Lockstep>()
process.once('exit', () => {
  for (const replica of started) replica.signal('SIGKILL')
})

export interface ReplicasOptions {
  /** Three, if it is not said. */
  readonly roster?: readonly string[]
  /** Of `lockstep start`, besides what every replica is told. */
  readonly flags?: readonly string[]
}

/** What `use` gives, from the addresses of replicas that serve, their server, and the ids of their processes. */
export async function withReplicas<T>(
  use: (urls: readonly string[], server: Server, pids: readonly number[]) => Promise<T>,
  { roster = ROSTER, flags = [] }: ReplicasOptions = {},
): Promise<T> {
  const server = await startServer()
  const replicas: Lockstep[] = []
  try {
    for (const name of roster) replicas.push(startReplica(name, roster, server, flags))
    const ready = replicas.map(
      async (replica) => (await replica.printed(/ready name=\S+ view=\d+ listen=([^\s"]+)/))[1]!,
    )
    const urls = await soon(Promise.all(ready), 'all replicas are ready')
    const before = await viewAt(urls)
    const used = await use(
      urls,
      server,
      replicas.map(({ pid }) => pid),
    )
    // With fewer of them it would have been less work.
    const after = await viewAt(urls)
    if (after !== before) throw new Error(`the group was ${before}, and is ${after} at the end`)
    return used
  } finally {
    for (const replica of replicas) replica.signal('SIGKILL')
    await Promise.all(replicas.map((replica) => replica.ended()))
    for (const replica of replicas) started.delete(replica)
    await server.stop()
  }
}

async function viewAt([url]: readonly string[]): Promise<string> {
  const { view } = (await (await fetch(`${url}/v1/cluster`)).json()) as ClusterAnswer
  return `${view.members.map(({ name }) => name)} in view ${view.number}`
}

interface ClusterAnswer {
  readonly view: { readonly number: number; readonly members: readonly { readonly name: string }[] }
}

function startReplica(name: string, roster: readonly string[], server: Server, more: readonly string[]): Lockstep {
  const flags = ['--name', name, '--roster', roster.join(','), '--nats', server.url, '--listen', '127.0.0.1:0']
  const replica = new Lockstep(['start', ...flags, '--auto-topics', ...more])
  started.add(replica)
  return replica
}

export interface TopicSettings {
  readonly schema?: object
  readonly retention?: { readonly events?: number; readonly bytes?: number }
}

/** Mostly the topic `bench`, typed. */
export async function putTopic(url: string, settings: TopicSettings, topic = 'bench'): Promise<void> {
  const answer = await fetch(`${url}/v1/topics/${topic}`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(settings),
  })
  if (!answer.ok) throw new Error(`the topic is not made: ${await answer.text()}`)
}
