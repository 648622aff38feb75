// A nats-server that wants TLS: replicas reach it, and trust the authorities that Node.js is told of; no others.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Lockstep } from '../cli/lockstep.ts'
import { natsTest, startNats } from '../nats-server.ts'

const there = spawnSync('openssl', ['version']).status === 0
const tlsTest = there ? natsTest : test.skip

/** An authority, and a server's certificate from it for this machine; the paths of their files. */
function certificates(t: ExecutionContext): { readonly ca: string; readonly cert: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const authority = ['-x509', '-subj', '/CN=a test', '-days', '2', '-keyout', file('ca.key'), '-out', file('ca.pem')]
  openssl('req', ...newKey, ...authority)
  openssl('req', ...newKey, '-subj', '/CN=nats', '-keyout', file('nats.key'), '-out', file('nats.csr'))
  writeFileSync(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2']
  openssl('x509', '-req', '-in', file('nats.csr'), ...signed, '-extfile', file('names'), '-out', file('nats.pem'))
  return { ca: file('ca.pem'), cert: file('nats.pem'), key: file('nats.key') }
}

function start(t: ExecutionContext, name: string, url: string, environment: Record<string, string>): Lockstep {
  const own = ['--name', name, '--roster', 'a,b', '--listen', '127.0.0.1:0', '--auto-topics', '--log-format', 'json']
  const replica = new Lockstep(['start', ...own, '--nats', url], { environment })
  t.teardown(() => replica.signal('SIGKILL'))
  return replica
}

tlsTest('two replicas over a server that wants TLS: what one takes, the other gives', async (t) => {
  const { ca, cert, key } = certificates(t)
  const server = await startNats({ config: `tls { cert_file: "${cert}", key_file: "${key}" }\n` })
  t.teardown(() => server.stop())
  const url = server.url.replace('nats:', 'tls:')
  const trusting = ['a', 'b'].map((name) => start(t, name, url, { NODE_EXTRA_CA_CERTS: ca }))
  const ready = /ready name=\S+ view=\d+ listen=([^\s"]+)/
  const [a, b] = await Promise.all(trusting.map(async (replica) => (await replica.printed(ready))[1]!))
  // So much that it comes in pieces.
  const data = JSON.stringify({ text: 'x'.repeat(200_000) })
  const published = await fetch(`${a}/v1/topics/notes/events`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: data,
  })
  t.is(published.status, 200)
  const read = await (await fetch(`${b}/v1/events?topics=notes&from=start&limit=1`)).text()
  t.true(read.includes(`"data":${data}`))

  const wary = start(t, 'b', url, { NODE_EXTRA_CA_CERTS: '' })
  await wary.printed(/"level":"warn"[^\n]*certificate/)
})
