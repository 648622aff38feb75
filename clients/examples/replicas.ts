// What an operator would do by hand: a NATS server, three processes of `lockstep start`, a SIGKILL. A replica is ready
// when it says so in its log, one JSON object a line. For those who want less, a group in one process.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { findNatsServer, HOW_TO_GET } from '../../tools/get-nats-server.ts'

const LOCKSTEP = fileURLToPath(new URL('../../broker/main.ts', import.meta.url))
/** Kept of what a process says, to be shown when it ends unasked. */
const SAID_LINES = 20
const STOP_MS = 5000

// Whatever becomes of this program, it leaves nothing running.
const running = new Set<ChildProcess>()
/** To end. */
const asked = new WeakSet<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface Group {
  readonly nats: string
  readonly group: string
  readonly roster: readonly string[]
}

export class ReplicaProcess {
  readonly name: string
  private readonly group: Group
  private readonly onDeath: (error: Error) => void
  private child: ChildProcess | undefined
  /** Known after the first start, and the same ever after: clients rely on it. */
  private address: URL | undefined

  /** `onDeath`: it ended after it was ready, and nobody had asked it to. */
  constructor(name: string, group: Group, onDeath: (error: Error) => void) {
    this.name = name
    this.group = group
    this.onDeath = onDeath
  }

  get url(): string {
    if (this.address === undefined) throw new Error(`replica ${this.name} was never ready`)
    return this.address.origin
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  /** Resolves when the replica is a member of the group, has caught up, and serves. */
  async start(signal: AbortSignal): Promise<void> {
    const { nats, group, roster } = this.group
    const child = run(process.execPath, [
      LOCKSTEP,
      ...['start', '--name', this.name, '--roster', roster.join(), '--group', group, '--nats', nats],
      ...['--listen', this.address?.host ?? '127.0.0.1:0'],
    ])
    this.child = child
    const ready = await firstLine(`replica ${this.name}`, child, child.stdout, signal, (line) => {
      const { msg, listen } = JSON.parse(line) as { msg?: string; listen?: string }
      return msg?.startsWith('ready ') ? listen : undefined
    })
    this.address = new URL(ready)
    child.once('close', (code, killed) => {
      if (!asked.has(child)) this.onDeath(new Error(`replica ${this.name} ended by itself (${killed ?? code})`))
    })
  }

  /** As if the machine had lost its power. */
  async kill(): Promise<void> {
    await end(this.child, 'SIGKILL')
  }

  /** Lets it leave the group in order. */
  async stop(): Promise<void> {
    await end(this.child, 'SIGTERM')
  }
}

export interface NatsProcess {
  readonly url: string
  stop(): Promise<void>
}

export async function startNats(signal: AbortSignal): Promise<NatsProcess> {
  const program = findNatsServer()
  if (program === undefined) throw new Error(`${HOW_TO_GET} Or give the URL of one that runs: --nats URL`)
  const child = run(program, ['-a', '127.0.0.1', '-p', '-1'])
  let port: string | undefined
  await firstLine('nats-server', child, child.stderr, signal, (line) => {
    port = /Listening for client connections on \S+:(\d+)/.exec(line)?.[1] ?? port
    return line.includes('Server is ready') ? port : undefined
  })
  return { url: `nats://127.0.0.1:${port}`, stop: () => end(child, 'SIGTERM') }
}

export interface DevGroup {
  readonly urls: readonly string[]
  stop(): Promise<void>
}

/** A whole group in one process, on free ports, without any server. */
export async function startDevGroup(signal: AbortSignal): Promise<DevGroup> {
  const child = run(process.execPath, [LOCKSTEP, 'dev', '--port', '0'])
  const urls: string[] = []
  await firstLine('lockstep dev', child, child.stdout, signal, (line) => {
    const url = /^ {2}\w+ {2}(http:\S+)$/.exec(line)?.[1]
    if (url !== undefined) urls.push(url)
    else if (urls.length > 0) return urls[0]
    return undefined
  })
  return { urls, stop: () => end(child, 'SIGTERM') }
}

type Piped = ChildProcess & { readonly stdout: Readable; readonly stderr: Readable }

function run(program: string, args: readonly string[]): Piped {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOCKSTEP_')))
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

/** Resolves with the first that is found in a line. Reads on afterwards: a full pipe would stop the process. */
async function firstLine(
  name: string,
  child: Piped,
  output: Readable,
  signal: AbortSignal,
  find: (line: string) => string | undefined,
): Promise<string> {
  const said: string[] = []
  const lines = [child.stdout, child.stderr].map((input) => createInterface({ input }))
  for (const one of lines) {
    one.on('line', (line) => {
      said.push(line)
      if (said.length > SAID_LINES) said.shift()
    })
  }
  return await new Promise<string>((resolve, reject) => {
    const fail = (error: unknown): void => reject(error)
    child.once('error', fail)
    child.once('close', (code, killed) =>
      fail(new Error(`${name} ended (${killed ?? code}) before it was ready:\n${said.join('\n')}`)),
    )
    const onAbort = (): void =>
      fail(new Error(`${signal.reason.message}: ${name} is not ready; it said last:\n${said.join('\n')}`))
    signal.addEventListener('abort', onAbort, { once: true })
    lines[output === child.stdout ? 0 : 1]!.on('line', (line) => {
      const found = find(line)
      if (found !== undefined) resolve(found)
    })
  })
}

async function end(child: ChildProcess | undefined, how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child === undefined || !running.has(child)) return
  asked.add(child)
  const closed = once(child, 'close')
  child.kill(how)
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await closed
  clearTimeout(impatience)
}
