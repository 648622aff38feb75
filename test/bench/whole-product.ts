// Three replicas as they are run by people, over a server of their own: for what is measured through HTTP and streams.

import { Lockstep } from '../cli/lockstep.ts'
import { ROSTER, type Server, soon, startServer } from './processes.ts'

// Should this process end in the middle, its replicas end with it.
const started = new Set<Lockstep>()
process.once('exit', () => {
  for (const replica of started) replica.signal('SIGKILL')
})

/** What `use` gives, from the addresses of three replicas that serve, and their server. `flags`: more for each of them. */
export async function withReplicas<T>(
  use: (urls: readonly string[], server: Server) => Promise<T>,
  flags: readonly string[] = [],
): Promise<T> {
  const server = await startServer()
  const replicas: Lockstep[] = []
  try {
    for (const name of ROSTER) replicas.push(startReplica(name, server, flags))
    const ready = replicas.map(
      async (replica) => (await replica.printed(/ready name=\S+ view=\d+ listen=([^\s"]+)/))[1]!,
    )
    return await use(await soon(Promise.all(ready), 'all replicas are ready'), server)
  } finally {
    for (const replica of replicas) replica.signal('SIGKILL')
    await Promise.all(replicas.map((replica) => replica.ended()))
    for (const replica of replicas) started.delete(replica)
    await server.stop()
  }
}

function startReplica(name: string, server: Server, flags: readonly string[]): Lockstep {
  const place = ['--name', name, '--roster', ROSTER.join(','), '--nats', server.url, '--listen', '127.0.0.1:0']
  const replica = new Lockstep(['start', ...place, '--auto-topics', ...flags])
  started.add(replica)
  return replica
}

/** The topic `bench`, typed. */
export async function putTopic(url: string, schema: object): Promise<void> {
  const answer = await fetch(`${url}/v1/topics/bench`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ schema }),
  })
  if (!answer.ok) throw new Error(`the topic is not made: ${await answer.text()}`)
}
