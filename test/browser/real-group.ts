// Three replicas in processes of their own over a real nats-server, to be killed, and a site for pages that use them:
// it is another origin than theirs, as it would be for anybody.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import { ReplicaProcess } from '../../clients/examples/replicas.ts'
import { startNats } from '../nats-server.ts'

const NAMES = ['a', 'b', 'c']
const START_MS = 60_000

export const TYPED = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } as const

/** `a`, `b`, `c`. One that ends by itself fails the test. */
export async function startGroup(t: ExecutionContext): Promise<ReplicaProcess[]> {
  const nats = await startNats()
  t.teardown(() => nats.stop())
  const group = { nats: nats.url, group: 'browser', roster: NAMES }
  const replicas = NAMES.map((name) => new ReplicaProcess(name, group, (error) => t.fail(error.message)))
  t.teardown(() => Promise.all(replicas.map((replica) => replica.kill())))
  await Promise.all(replicas.map((replica) => start(replica)))
  return replicas
}

export async function start(replica: ReplicaProcess): Promise<void> {
  await replica.start(AbortSignal.timeout(START_MS))
}

/** Resolves when all know of it: a publish that comes to another replica too soon is refused. */
export async function putTopic(replicas: readonly ReplicaProcess[], topic: string, schema: object): Promise<void> {
  const [first, ...others] = replicas.map(({ url }) => `${url}/v1/topics/${topic}`)
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(first!, { method: 'PUT', headers, body: JSON.stringify({ schema }) })
  if (!response.ok) throw new Error(await response.text())
  const deadline = performance.now() + START_MS
  for (const url of others) {
    while (!(await fetch(url)).ok) {
      if (performance.now() > deadline) throw new Error(`${url} did not come about`)
    }
  }
}

/** Events that the topic ever had. */
export async function countEvents(replica: ReplicaProcess, topic: string): Promise<number> {
  const response = await fetch(`${replica.url}/v1/topics/${topic}`)
  return ((await response.json()) as { offset: number }).offset
}

/** Serves one page, and resolves with its address. */
export async function servePage(t: ExecutionContext, script: string): Promise<string> {
  const page = `<!doctype html><title>Test</title><link rel="icon" href="data:,"><script type="module">${script}</script>`
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page)
  })
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
