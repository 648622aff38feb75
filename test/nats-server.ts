// A real nats-server for a test: on a port that nobody else uses, ready when it is given, ended by its own process id.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import test from 'ava'
import { findNatsServer, HOW_TO_GET } from '../tools/get-nats-server.ts'

const program: string | undefined = findNatsServer()
if (program === undefined && process.env['CI'] === 'true') throw new Error(HOW_TO_GET)

/** `test` where there is a nats-server, and otherwise `test.skip`. To be used by files that cannot do without. */
export const natsTest: typeof test.skip = program === undefined ? test.skip : test

export interface NatsOptions {
  /** The port of an earlier one, to come back at the same place. Default: a free one. */
  readonly port?: number
  /** Text of a configuration file: what the command line cannot say. */
  readonly config?: string
}

export interface NatsServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** As if the machine were gone: what it holds is lost. */
  stop(): Promise<void>
  /** Takes over another configuration while it runs. */
  configure(config: string): void
  /** Accepts connections and bytes as far as the system does so for it, and does nothing. */
  pause(): void
  resume(): void
}

// A test that ends before it stops its server must not leave it behind.
const running = new Set<() => void>()
process.once('exit', () => {
  for (const killNow of running) killNow()
})

export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  if (program === undefined) throw new Error(HOW_TO_GET)
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-nats-'))
  const config = join(folder, 'nats.conf')
  writeFileSync(config, options.config ?? '')
  const child = spawn(program, ['-c', config, '-a', '127.0.0.1', '-p', String(options.port ?? -1)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const killNow = (): void => {
    child.kill('SIGKILL')
  }
  running.add(killNow)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })

  const port = await portWhenReady(child).catch(async (error) => {
    killNow()
    throw error
  })
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    pid: child.pid!,
    stop: async () => {
      killNow()
      await exited
      running.delete(killNow)
      rmSync(folder, { recursive: true, force: true })
    },
    configure: (text) => {
      writeFileSync(config, text)
      child.kill('SIGHUP')
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
}

async function portWhenReady(child: ChildProcessByStdio<null, null, Readable>): Promise<number> {
  const failed = once(child, 'error').then(([error]) => {
    throw error
  })
  const said: string[] = []
  const ready = (async () => {
    let port = 0
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line)
      port = Number(/Listening for client connections on \S+:(\d+)/.exec(line)?.[1] ?? port)
      if (line.includes('Server is ready')) return port
    }
    throw new Error(`nats-server ended before it was ready:\n${said.join('\n')}`)
  })()
  const port = await Promise.race([ready, failed])
  // Nobody reads on; a full pipe would stop the server.
  child.stderr.resume()
  return port
}
