// A real Prometheus for a test: on a free port, with a folder of its own, ready when it is given, ended by its own process
// id. Its answers are read by the interface that dashboards and alerts use.

import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { natsTest } from './nats-server.ts'

const HOW_TO_GET =
  'No Prometheus found: what needs it is skipped. Get it (Debian, Ubuntu: apt-get install prometheus; ' +
  'macOS: brew install prometheus) or set PROMETHEUS=/path/to/prometheus.'

const program: string = process.env['PROMETHEUS'] || 'prometheus'
const isThere = spawnSync(program, ['--version']).status === 0
if (!isThere) {
  // Where a run must be complete, skipping would be a lie.
  if (process.env['CI'] === 'true') throw new Error(HOW_TO_GET)
  console.error(HOW_TO_GET)
}

/** `test` where there are a Prometheus and a nats-server, and otherwise `test.skip`. */
export const prometheusTest: typeof test.skip = isThere ? natsTest : test.skip

/** A value of a series at a time, in milliseconds since 1970. */
export interface Point {
  readonly at: number
  readonly value: number
}

export interface Series {
  readonly labels: { readonly [label: string]: string }
  readonly points: readonly Point[]
}

export interface ActiveAlert {
  readonly name: string
  readonly state: 'pending' | 'firing'
  readonly labels: { readonly [label: string]: string }
  readonly annotations: { readonly [name: string]: string }
}

const POLL_MS = 50
const READY_MS = 30_000

// A test that ends before it stops its server must not leave it behind.
const running = new Set<() => void>()
process.once('exit', () => {
  for (const killNow of running) killNow()
})

export class Prometheus {
  readonly url: string

  private constructor(url: string) {
    this.url = url
  }

  /** `files`: the configuration `prometheus.yml`, and what it names. It is five seconds until targets are looked at. */
  static async start(t: ExecutionContext, files: { readonly [name: string]: string }): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-prometheus-'))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const config = ['--config.file', join(folder, 'prometheus.yml'), '--storage.tsdb.path', join(folder, 'data')]
    const child = spawn(program, [...config, '--web.listen-address', '127.0.0.1:0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const killNow = (): void => {
      child.kill('SIGKILL')
    }
    running.add(killNow)
    const closed = once(child, 'close')
    t.teardown(async () => {
      killNow()
      await closed
      running.delete(killNow)
      rmSync(folder, { recursive: true, force: true })
    })
    return new Prometheus(await urlWhenReady(child))
  }

  /** What an expression is at a time; now, if none is given. Of a range (`metric[1m]`) all points as they were scraped. */
  async query(expr: string, at?: number): Promise<Series[]> {
    const time = at === undefined ? {} : { time: String(at / 1000) }
    return read(await this.get('query', { query: expr, ...time }))
  }

  async queryRange(expr: string, from: number, to: number, stepMs: number): Promise<Series[]> {
    const [start, end, step] = [from, to, stepMs].map((ms) => String(ms / 1000)) as [string, string, string]
    return read(await this.get('query_range', { query: expr, start, end, step }))
  }

  /** The one number that an expression is; undefined: it is none. */
  async number(expr: string, at?: number): Promise<number | undefined> {
    const series = await this.query(expr, at)
    if (series.length > 1) throw new Error(`${expr} is ${series.length} series, and not one`)
    return series[0]?.points[0]?.value
  }

  async labelValues(label: string, selector: string): Promise<string[]> {
    return (await this.get(`label/${label}/values`, { 'match[]': selector })) as string[]
  }

  async alerts(): Promise<ActiveAlert[]> {
    const { alerts } = (await this.get('alerts', {})) as { alerts: (ActiveAlert & { labels: { alertname: string } })[] }
    return alerts.map(({ state, labels: { alertname, ...labels }, annotations }) => ({
      name: alertname,
      state,
      labels,
      annotations,
    }))
  }

  /** Resolves with what `look` gives once it gives something. */
  async until<Found>(name: string, look: () => Promise<Found | undefined>, withinMs = 20_000): Promise<Found> {
    const deadline = performance.now() + withinMs
    while (performance.now() < deadline) {
      const found = await look()
      if (found !== undefined) return found
      await delay(POLL_MS)
    }
    const states = JSON.stringify((await this.query('up')).map(({ labels, points }) => [labels['instance'], points]))
    throw new Error(`${name} did not come about within ${withinMs} ms; the targets: ${states}`)
  }

  private async get(path: string, parameters: { readonly [name: string]: string }): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const answer = (await response.json()) as { status: string; error?: string; data: unknown }
    if (answer.status !== 'success') throw new Error(`${parameters['query'] ?? path}: ${answer.error}`)
    return answer.data
  }
}

type Pair = readonly [seconds: number, value: string]
type Found = { readonly metric: Series['labels']; readonly value?: Pair; readonly values?: readonly Pair[] }

function read(data: unknown): Series[] {
  const { resultType, result } = data as { resultType: string; result: unknown }
  const point = ([seconds, value]: Pair): Point => ({ at: Math.round(seconds * 1000), value: Number(value) })
  if (resultType === 'scalar') return [{ labels: {}, points: [point(result as Pair)] }]
  return (result as Found[]).map(({ metric, value, values }) => ({
    labels: metric,
    points: (values ?? [value!]).map(point),
  }))
}

async function urlWhenReady(child: ChildProcessByStdio<null, null, Readable>): Promise<string> {
  const said: string[] = []
  const ended = once(child, 'error').then(([error]) => {
    throw error
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS)
  const ready = (async () => {
    let address: string | undefined
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line)
      address = / msg="Listening on" address=(\S+)/.exec(line)?.[1] ?? address
      if (line.includes('Server is ready') && address !== undefined) return `http://${address}`
    }
    throw new Error(`Prometheus ended before it was ready:\n${said.join('\n')}`)
  })()
  const url = await Promise.race([ready, ended]).finally(() => clearTimeout(timer))
  // Nobody reads on; a full pipe would stop it.
  child.stderr.resume()
  return url
}
