// The whole product: three replicas as they are run by people, and one client that posts events to the first of them over
// connections that it keeps, on a fixed schedule. The client is this process, which does nothing else meanwhile.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Flooded, HttpFlood } from './http-flood.ts'
import { AS_REPLICAS, type CpuUse, cpuUseWithin, soon } from './processes.ts'
import { atRate } from './steady.ts'
import { STEADY_A_SECOND, type Window } from './task.ts'
import { putTopic, withReplicas } from './whole-product.ts'

/** Connections of the client: more than are ever busy, unless the replica is far behind. */
const CONNECTIONS = 64

/** Waiting for an answer, at most: beyond it a call of the schedule is left out, and counted. */
const OPEN_MAX = 1000

export interface Posted {
  /** From the call to the end of the answer, in milliseconds. */
  readonly latencies: readonly number[]
  readonly leftOut: number
  readonly cpu: CpuUse
}

export function postSteadily(body: string, schema: object, warmUpMs: number, windowMs: number): Promise<Posted> {
  return withReplicas(async ([url], server, pids) => {
    await putTopic(url as string, { schema })
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
    try {
      const from = Date.now() + warmUpMs
      const posting = post(`${url}/v1/topics/bench/events`, agent, body, { from, until: from + windowMs })
      const cpu = await cpuUseWithin({ from, until: from + windowMs }, [server], pids)
      return { ...(await soon(posting, 'all posts are answered')), cpu }
    } finally {
      agent.destroy()
    }
  })
}

/** As many POSTs of one event as are answered, over all the connections. */
export function postFlood(body: string, schema: object, warmUpMs: number, windowMs: number): Promise<Flooded> {
  return withReplicas(async ([url]) => {
    await putTopic(url as string, { schema })
    return flood(`${url}/v1/topics/bench/events`, body, warmUpMs, windowMs)
  })
}

/** The same, to the same server with nothing behind it. */
export async function postFloodToNothing(body: string, warmUpMs: number, windowMs: number): Promise<Flooded> {
  const child = fork(fileURLToPath(new URL('bare-http-process.ts', import.meta.url)), { env: AS_REPLICAS })
  const ended = once(child, 'exit')
  try {
    const [{ port }] = (await soon(once(child, 'message'), 'the server listens')) as [{ port: number }]
    return await flood(`http://127.0.0.1:${port}/v1/topics/bench/events`, body, warmUpMs, windowMs)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

async function flood(url: string, body: string, warmUpMs: number, windowMs: number): Promise<Flooded> {
  const flooding = new HttpFlood()
  try {
    await flooding.start(new URL(url), body, CONNECTIONS)
    await after(warmUpMs)
    return await flooding.within(windowMs)
  } finally {
    flooding.stop()
  }
}

async function post(url: string, agent: Agent, body: string, window: Window): Promise<Omit<Posted, 'cpu'>> {
  const latencies: number[] = []
  const open = new Set<Promise<void>>()
  let leftOut = 0
  await atRate(STEADY_A_SECOND, Date.now(), window.until, () => {
    if (open.size >= OPEN_MAX) {
      leftOut++
      return
    }
    const counts = Date.now() >= window.from
    const at = performance.now()
    const answered = postOne(url, agent, body).then(() => {
      open.delete(answered)
      if (counts) latencies.push(performance.now() - at)
    })
    answered.catch(() => undefined) // It stays open, and is judged at the end.
    open.add(answered)
  })
  await Promise.all(open)
  return { latencies, leftOut }
}

function postOne(url: string, agent: Agent, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length },
    })
    call.once('error', reject)
    call.once('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve()
        else reject(new Error(`POST ${url} was answered ${answer.statusCode}: ${text}`))
      })
    })
    call.end(body)
  })
}
