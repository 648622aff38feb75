// Processes for one run: a NATS server, and three that are measured. Each is waited for with a deadline, and ended by
// its own process id however the run goes.

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findNatsServer, HOW_TO_GET } from '../../tools/get-nats-server.ts'
import type { Measured, Order, Report, Task, Window } from './task.ts'
import { cpuSecondsOf } from './usage.ts'

export const ROSTER: readonly string[] = ['a', 'b', 'c']

/** As `broker/lockstep.js` sets it for replicas: for members and whoever is compared with them, not for clients. */
export const AS_REPLICAS: NodeJS.ProcessEnv = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1', ...process.env }

/** What clients do, of a broker or of NATS alone. */
const CLIENTS_WORK: readonly Task['work'][] = ['json', 'publish', 'read']

/** Longer than any start or end takes that is not stuck. */
const PATIENCE_MS = 20_000

const alive = new Set<ChildProcess>()
const folders = new Set<string>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
// Without this a signal would end this process and leave the others running.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

function keep(child: ChildProcess): Promise<unknown> {
  alive.add(child)
  const ended = new Promise((resolve) => {
    child.once('exit', resolve)
    child.once('error', resolve)
  })
  return ended.then(() => alive.delete(child))
}

export interface Server {
  readonly url: string
  /** Seconds of processor that it has used; not a number where the system does not tell. */
  cpuSeconds(): number
  stop(): Promise<void>
}

/** `more`: lines of its configuration. */
export async function startServer(more = ''): Promise<Server> {
  const program = findNatsServer()
  if (program === undefined) throw new Error(HOW_TO_GET)
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'))
  folders.add(folder)
  const config = join(folder, 'nats.conf')
  writeFileSync(config, more.replaceAll('$FOLDER', folder))
  const child = spawn(program, ['-c', config, '-a', '127.0.0.1', '-p', '-1'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = keep(child)
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
    folders.delete(folder)
  }
  try {
    const port = await soon(portOf(child), 'nats-server is ready')
    child.stderr.resume()
    return { url: `nats://127.0.0.1:${port}`, cpuSeconds: () => cpuSecondsOf(child.pid!), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function portOf(child: ChildProcess): Promise<number> {
  let port = 0
  for await (const line of createInterface({ input: child.stderr! })) {
    port = Number(/Listening for client connections on \S+:(\d+)/.exec(line)?.[1] ?? port)
    if (line.includes('Server is ready')) return port
  }
  throw new Error('nats-server ended before it was ready')
}

export interface Trial {
  readonly processes: readonly Measured[]
  readonly cpu: CpuUse
}

/** Shares of one core, within the window. */
export interface CpuUse {
  readonly server: number
  /** All replicas together, where there are any. */
  readonly replicas?: number
  /** All that the machine did, for whomever. What is beyond the sum of ours was somebody else's, and slowed us. */
  readonly machine: number
}

type Script = 'client-process.ts' | 'group-process.ts' | 'growth-process.ts' | 'jetstream-process.ts' | 'raw-process.ts'

export interface TrialOptions {
  readonly script: Script
  readonly work: Task['work']
  readonly eventBytes: number
  readonly packBytes?: number
  /** Events a second of each client; none: as many as are taken. */
  readonly rate?: number
  readonly warmUpMs: number
  readonly windowMs: number
  /** The file for a profile of the first process. */
  readonly profile?: string | undefined
}

/** Three processes over a server of their own, from the start to the end of all. */
export async function trial(options: TrialOptions): Promise<Trial> {
  const server = await startServer()
  try {
    return await inThree(options, new Array(ROSTER.length).fill(server.url), [server])
  } finally {
    await server.stop()
  }
}

/** Three processes, each with an address of its own to work at. The servers are there already. */
export async function inThree(
  { script, work, eventBytes, packBytes = 0, rate, profile, warmUpMs, windowMs }: TrialOptions,
  urls: readonly string[],
  servers: readonly Server[],
  replicas: readonly number[] = [],
): Promise<Trial> {
  const load = { work, eventBytes, packBytes, ...(rate !== undefined && { rate }) }
  const tasks = ROSTER.map(
    (name, i): Task => ({ url: urls[i] as string, group: 'bench', name, roster: ROSTER, ...load }),
  )
  const meanwhile = (window: Window): Promise<CpuUse> => cpuUseWithin(window, servers, replicas)
  const { processes, used } = await inProcesses({ script, tasks, profile, warmUpMs, windowMs, meanwhile })
  return { processes, cpu: used }
}

export interface ProcessesOptions<Used> {
  readonly script: Script
  /** One process for each. */
  readonly tasks: readonly Task[]
  readonly warmUpMs: number
  readonly windowMs: number
  /** The file for a profile of the first process. */
  readonly profile?: string | undefined
  /** What is to be seen of others within the window. */
  meanwhile(window: Window): Promise<Used>
}

export async function inProcesses<Used>({
  script,
  tasks,
  warmUpMs,
  windowMs,
  profile,
  meanwhile,
}: ProcessesOptions<Used>): Promise<{ readonly processes: readonly Measured[]; readonly used: Used }> {
  const children = tasks.map((task, i) => new Measuring(script, task, i === 0 ? profile : undefined))
  try {
    await soon(Promise.all(children.map((child) => child.ready)), 'all processes are ready')
    const from = Date.now() + warmUpMs
    const window = { from, until: from + windowMs }
    const measured = Promise.all(children.map((child) => child.measure(window)))
    const [processes, used] = await Promise.all([
      soon(measured, 'all processes have measured', warmUpMs + windowMs),
      meanwhile(window),
    ])
    return { processes, used }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

/** `replicas`: ids of their processes. */
export async function cpuUseWithin(
  window: Window,
  servers: readonly Pick<Server, 'cpuSeconds'>[],
  replicas: readonly number[] = [],
): Promise<CpuUse> {
  const used = () => ({
    server: servers.reduce((sum, server) => sum + server.cpuSeconds(), 0),
    replicas: replicas.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    machine: busySeconds(),
    at: performance.now(),
  })
  await pause(Math.max(0, window.from - Date.now()))
  const before = used()
  await pause(Math.max(0, window.until - Date.now()))
  const after = used()
  const seconds = (after.at - before.at) / 1000
  return {
    server: (after.server - before.server) / seconds,
    ...(replicas.length > 0 && { replicas: (after.replicas - before.replicas) / seconds }),
    machine: (after.machine - before.machine) / seconds,
  }
}

function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000
}

class Measuring {
  readonly ready: Promise<void>
  private readonly child: ChildProcess
  private readonly ended: Promise<unknown>
  private readonly measured: Promise<Measured>

  constructor(script: string, task: Task, profile: string | undefined) {
    this.child = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(task)], {
      env: CLIENTS_WORK.includes(task.work) ? process.env : AS_REPLICAS,
      execArgv:
        profile === undefined
          ? []
          : ['--cpu-prof', `--cpu-prof-dir=${dirname(profile)}`, `--cpu-prof-name=${basename(profile)}`],
    })
    this.ended = keep(this.child)
    const failed = new Promise<never>((_, reject) => {
      const because = (why: string): void => reject(new Error(`process ${task.name}: ${why}`))
      this.on('failed', ({ why }) => because(why))
      this.ended.then(() => because('ended'))
    })
    failed.catch(() => {})
    this.ready = Promise.race([failed, new Promise<void>((resolve) => this.on('ready', () => resolve()))])
    this.measured = Promise.race([
      failed,
      new Promise<Measured>((resolve) => this.on('measured', ({ measured }) => resolve(measured))),
    ])
    this.ready.catch(() => {})
    this.measured.catch(() => {})
  }

  measure(window: Window): Promise<Measured> {
    this.tell({ type: 'measure', window })
    return this.measured
  }

  async stop(): Promise<void> {
    this.tell({ type: 'stop' })
    await soon(this.ended, 'the process has ended', 0, 3000).catch(() => this.child.kill('SIGKILL'))
    await this.ended
  }

  private tell(order: Order): void {
    if (this.child.connected) this.child.send(order, () => {}) // One that has just ended is seen by its end.
  }

  private on<T extends Report['type']>(type: T, call: (report: Extract<Report, { type: T }>) => void): void {
    this.child.on('message', (report: Report) => {
      if (report.type === type) call(report as Extract<Report, { type: T }>)
    })
  }
}

/** Rejects with what was waited for. */
export async function soon<T>(promise: Promise<T>, what: string, moreMs = 0, ms: number = PATIENCE_MS): Promise<T> {
  const patience = new AbortController()
  try {
    const late = pause(ms + moreMs, undefined, { signal: patience.signal }).then(() => {
      throw new Error(`waited ${ms + moreMs} ms for this: ${what}`)
    })
    late.catch(() => {})
    return await Promise.race([promise, late])
  } finally {
    patience.abort()
  }
}

/** So that a program that was started is in the machine's line of the report. */
export async function versionOfServer(): Promise<string> {
  const program = findNatsServer()
  if (program === undefined) throw new Error(HOW_TO_GET)
  const child = spawn(program, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = keep(child)
  const [line] = await soon(once(createInterface({ input: child.stdout }), 'line'), 'nats-server tells its version')
  await ended
  return String(line).replace(/^nats-server: v?/, '')
}
