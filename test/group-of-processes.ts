// Three replicas as processes over a real nats-server, for what must see a real SIGKILL.

import type { ExecutionContext } from 'ava'
import { ReplicaProcess } from '../clients/examples/replicas.ts'
import { startNats } from './nats-server.ts'

export interface GroupOfProcesses {
  readonly replicas: readonly ReplicaProcess[]
  readonly urls: string[]
  /** The replica at this address. */
  at(url: string): ReplicaProcess
  /** Aborts when a replica ended that nobody had asked to. */
  readonly signal: AbortSignal
}

const READY_MS = 60_000

export async function startGroup(t: ExecutionContext, topics: readonly string[]): Promise<GroupOfProcesses> {
  t.timeout(120_000)
  const nats = await startNats()
  t.teardown(() => nats.stop())
  const broken = new AbortController()
  const group = { nats: nats.url, group: `test-${process.pid}`, roster: ['a', 'b', 'c'] }
  const replicas = group.roster.map((name) => new ReplicaProcess(name, group, (error) => broken.abort(error)))
  t.teardown(() => Promise.all(replicas.map((replica) => replica.kill())))
  const signal = AbortSignal.any([broken.signal, AbortSignal.timeout(READY_MS)])
  await Promise.all(replicas.map((replica) => replica.start(signal)))
  const urls = replicas.map(({ url }) => url)
  for (const topic of topics) {
    const response = await fetch(`${urls[0]}/v1/topics/${topic}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: '{}',
    })
    if (!response.ok) throw new Error(await response.text())
  }
  return {
    replicas,
    urls,
    at: (url) => replicas.find((replica) => replica.url === url) as ReplicaProcess,
    signal: broken.signal,
  }
}
