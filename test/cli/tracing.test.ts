// How a user has spans: a file that is loaded before the replica, as the documentation shows it.

import { fileURLToPath } from 'node:url'
import test from 'ava'
import { Lockstep } from './lockstep.ts'

const FILE = fileURLToPath(new URL('../../dashboards/otel.mjs', import.meta.url))
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

async function seen(environment: Record<string, string>, traceparent?: string): Promise<string> {
  const lockstep = new Lockstep(['dev', '--replicas', '1', '--port', '0', '--auto-topics'], { environment })
  try {
    const [, url] = await lockstep.printed(/^ {2}a {2}(http:\S+)$/m)
    const headers = { 'Content-Type': 'application/json', ...(traceparent !== undefined && { traceparent }) }
    await fetch(`${url}/v1/topics/orders/events`, { method: 'POST', headers, body: '1' })
    lockstep.signal('SIGTERM')
    return (await lockstep.ended()).stdout
  } finally {
    lockstep.signal('SIGKILL')
  }
}

test('NODE_OPTIONS=--import otel.mjs: the spans are out when the process has ended, within the trace of the caller', async (t) => {
  const environment = { NODE_OPTIONS: `--import ${FILE}`, LOCKSTEP_TRACE_SHARE: '0' }
  const text = await seen(environment, `00-${TRACE}-00f067aa0ba902b7-01`)
  const names = text.split('instrumentationScope').flatMap((span) => {
    return span.includes(`\n  traceId: '${TRACE}'`) ? /\n {2}name: '(.*)'/.exec(span)![1]! : []
  })
  t.deepEqual(names.toSorted(), ['order', 'publish orders'], text)
  t.notRegex(await seen(environment), /traceId/, 'no share of those that no caller has decided on')
})

test('without it: no spans', async (t) => {
  t.notRegex(await seen({}, `00-${TRACE}-00f067aa0ba902b7-01`), /traceId/)
})
