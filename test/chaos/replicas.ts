// Replicas as processes of their own, with everything that happens to processes, and what they say of themselves when
// they are asked for it.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Lockstep } from '../cli/lockstep.ts'
import type { Namespace } from './namespaces.ts'
import type { NatsServer } from './nats.ts'
import { TcpProxy } from './tcp-proxy.ts'
import type { ClusterSeen, Life, Trace } from './trace.ts'

/** A start that takes longer on any machine is a failure. */
const READY_MS = 60_000
const STOP_MS = 15_000
const ANSWER_MS = 2000
const ASK_EVERY_MS = 200

export interface ReplicaOptions {
  readonly name: string
  readonly group: string
  readonly roster: readonly string[]
  /** The first is preferred. */
  readonly servers: readonly NatsServer[]
  readonly trace: Trace
  /** It ended, and nobody had asked it to. */
  readonly onDeath: (error: Error) => void
  /** Where it lives. Default: on loopback, like everything else. */
  readonly home?: Namespace | undefined
}

const running = new Set<Lockstep>()
process.once('exit', () => {
  for (const one of running) one.signal('SIGKILL')
})

export class Replica {
  readonly name: string
  /** Of all its connections to NATS. */
  readonly links: readonly TcpProxy[]
  private readonly options: ReplicaOptions
  private readonly asked = new WeakSet<Lockstep>()
  private readonly said: { readonly life: Life; readonly by: Lockstep }[] = []
  private child: Lockstep | undefined
  private removed = false
  private address: URL | undefined
  private lastSeen: ClusterSeen | undefined

  private constructor(options: ReplicaOptions, links: readonly TcpProxy[]) {
    this.name = options.name
    this.options = options
    this.links = links
  }

  static async create(options: ReplicaOptions): Promise<Replica> {
    const host = options.home?.gateway ?? '127.0.0.1'
    const links = await Promise.all(options.servers.map((server) => TcpProxy.open(host, () => server.port)))
    return new Replica(options, links)
  }

  /** The same in all its lives, once it was ready for the first time. */
  get url(): string {
    if (this.address === undefined) throw new Error(`replica ${this.name} was never ready`)
    return this.address.origin
  }

  get life(): Life {
    return `${this.name}#${this.said.length}`
  }

  get home(): Namespace | undefined {
    return this.options.home
  }

  /** What it said last of itself, if it did in this life. */
  get seen(): ClusterSeen | undefined {
    return this.lastSeen?.replica === this.life ? this.lastSeen : undefined
  }

  get lives(): boolean {
    return this.child?.running ?? false
  }

  launch(): void {
    if (this.removed) throw new Error(`replica ${this.name} is not to be started any more`)
    const { name, group, roster, trace, onDeath, home } = this.options
    const host = home?.gateway ?? '127.0.0.1'
    const nats = this.links.map(({ port }) => `nats://${name}:secret@${host}:${port}`)
    const flags = ['--name', name, '--group', group, '--roster', roster.join(), '--nats', nats.join()]
    const listen = this.address?.host ?? `${home?.address ?? '127.0.0.1'}:0`
    const child = new Lockstep(['start', ...flags, '--listen', listen], home === undefined ? {} : { node: home.node })
    this.child = child
    running.add(child)
    const life = `${name}#${this.said.length + 1}`
    this.said.push({ life, by: child })
    trace.add({ type: 'started', replica: life })
    void child.ended().then(({ code, stdout, stderr }) => {
      running.delete(child)
      const asked = this.asked.has(child)
      trace.add({ type: 'died', replica: life, how: asked ? 'asked to' : `by itself, with ${code}` })
      const last = stdout.split('\n').slice(-6).join('\n')
      if (!asked) onDeath(new Error(`replica ${life} ended by itself with exit code ${code}:\n${last}${stderr}`))
    })
  }

  /** Resolves when it says that it is a member, and serves. */
  async ready(withinMs: number = READY_MS): Promise<void> {
    const { child, life } = this
    if (child === undefined) throw new Error(`replica ${this.name} was not launched`)
    const late = pause(withinMs, undefined, { ref: false }).then(() => {
      throw new Error(`${life} was not ready after ${withinMs} ms; it said last:\n${child.stdout.slice(-1500)}`)
    })
    const [, url] = await Promise.race([child.printed(/ready name=\S+ view=\d+ listen=([^\s"]+)/), late])
    this.address = new URL(url!)
  }

  async kill(): Promise<void> {
    const { child } = this
    if (child === undefined) return
    this.asked.add(child)
    child.signal('SIGKILL')
    await child.ended()
  }

  /** Lets it leave the group in order. False: it did not end well. */
  async stop(): Promise<boolean> {
    const { child } = this
    if (child === undefined) return true
    this.asked.add(child)
    child.signal('SIGTERM')
    const impatience = setTimeout(() => child.signal('SIGKILL'), STOP_MS)
    const { code } = await child.ended()
    clearTimeout(impatience)
    return code === 0
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.signal(signal)
  }

  /** Asks it for its state again and again, and records what it says. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.ask()
      await pause(ASK_EVERY_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** Undefined: no answer. */
  async ask(): Promise<ClusterSeen | undefined> {
    const { life } = this
    try {
      const answer = await fetch(`${this.url}/v1/cluster`, { signal: AbortSignal.timeout(ANSWER_MS) })
      const { history, view, primary, state, seq, digest } = (await answer.json()) as {
        history: string
        view: { number: number; members: { name: string; incarnation: string }[] }
      } & Pick<ClusterSeen, 'primary' | 'state' | 'seq' | 'digest'>
      // The next life may have begun in between.
      if (life !== this.life) return undefined
      const members = view.members.map(({ name, incarnation }) => ({ name, incarnation }))
      const common = { type: 'cluster', replica: life, name: this.name } as const
      this.lastSeen = { ...common, history, view: view.number, members, primary, state, seq, digest }
      this.options.trace.add(this.lastSeen)
      return this.lastSeen
    } catch {
      this.lastSeen = undefined
      return undefined
    }
  }

  /** How many datagrams it has sent in this life, by kind. */
  async sent(): Promise<Map<string, number>> {
    const answer = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS) })
    const lines = (await answer.text()).matchAll(/^lockstep_datagrams_total\{([^}]*)\} (\d+)/gm)
    return new Map(
      [...lines]
        .filter(([, labels]) => labels!.includes('direction="sent"'))
        .map(([, labels, count]) => [/kind="([^"]+)"/.exec(labels!)![1]!, Number(count)]),
    )
  }

  /** Leaves its logs in the folder, if there is one: a file for each life. */
  async remove(folder: string | undefined): Promise<void> {
    this.removed = true
    await this.kill()
    for (const link of this.links) await link.close()
    if (folder === undefined) return
    for (const { life, by } of this.said) writeFileSync(join(folder, `${life}.log`), by.stdout + by.stderr)
  }
}
