// A whole group in one process: each replica in a thread of its own, so that one can be stopped or killed at any moment
// without a word, and a fabric in memory between them, which can be cut and lose datagrams. `lockstep dev` runs it; what
// is done to it comes in through the replicas themselves, since they live and die one by one, and this does not.

import { ConfigError, type ReplicaConfig } from '../../config.ts'
import { BrokerError } from '../../errors.ts'
import { MemoryHub } from '../../fabric/memory.ts'
import type { Act, PlayState } from '../../http/play.ts'
import type { Ending } from '../../replica.ts'
import type { Ask } from './messages.ts'
import { ReplicaThread } from './replica-thread.ts'
import { afterAct, areCut } from './rules.ts'

export interface EmbeddedGroupOptions {
  /** One for each replica, with names of their own; port 0 takes any free one, and keeps it. */
  readonly configs: readonly ReplicaConfig[]
  /** Decides which datagrams are lost. */
  readonly random: () => number
}

interface Replica {
  readonly name: string
  readonly url: string
}

/** Acts that wait for earlier ones; each takes milliseconds, a restart half a second. */
const ACTS_WAITING_MAX = 16

export class EmbeddedGroup {
  /** Resolves when something has failed, or when all have left. */
  readonly ended: Promise<Ending>
  private readonly options: EmbeddedGroupOptions
  private readonly hub = new MemoryHub()
  /** The latest thread of each, by name; it may be gone. */
  private readonly threads = new Map<string, ReplicaThread>()
  private known: readonly Replica[] = []
  private cut: readonly string[] = []
  private loss = 0
  private acting: Promise<unknown> = Promise.resolve()
  private actsWaiting = 0
  private stopping = false
  private end: (ending: Ending) => void = () => {}

  /** Resolves when all serve. Throws `ConfigError` when one cannot listen where it should; then none is left. */
  static async start(options: EmbeddedGroupOptions): Promise<EmbeddedGroup> {
    const group = new EmbeddedGroup(options)
    await group.startAll()
    return group
  }

  private constructor(options: EmbeddedGroupOptions) {
    this.options = options
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
  }

  /** Their names and addresses, which stay the same over any number of lives. */
  get replicas(): readonly Replica[] {
    return this.known
  }

  /** Resolves when each has been a member of a view. */
  get ready(): Promise<unknown> {
    return Promise.all([...this.threads.values()].map((thread) => thread.ready))
  }

  state(): PlayState {
    const replicas = this.known.map((one) => ({ ...one, condition: this.conditionOf(one.name) }))
    return { replicas, cut: this.cut, loss: this.loss }
  }

  /** All leave the group, one after another; then `ended`. */
  stop(): void {
    this.stopping = true
    for (const thread of this.threads.values()) thread.stop()
    const endings = [...this.threads.values()].map((thread) => thread.ended)
    void Promise.all(endings).then(() => this.end({ failed: false, reason: 'told to stop' }))
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.stopping = true
    await Promise.all([...this.threads.values()].map((thread) => thread.kill()))
    this.end({ failed: false, reason: 'killed' })
  }

  /** The state after it. Throws `BrokerError` for what cannot be done now. One act at a time. */
  async perform(act: Act): Promise<PlayState> {
    return await this.inTurn(async () => {
      afterAct(this.state(), act)
      await this.carryOut(act)
      return this.state()
    })
  }

  // ---- what clients of the replicas ask

  private onAsk(name: string, { ask, act }: Ask): void {
    const thread = this.threads.get(name)
    if (thread === undefined) return
    const answer = async (): Promise<PlayState> => {
      if (act === undefined) return this.state()
      if (act.act !== 'anew' && !('replica' in act && act.replica === name)) return await this.perform(act)
      return await this.performAfterAnswer(thread, ask, act)
    }
    answer().then(
      (state) => thread.say({ type: 'done', ask, state }),
      (error) => {
        if (!(error instanceof BrokerError)) throw error
        const { code, message, details } = error
        thread.say({ type: 'refused', ask, code, message, details })
      },
    )
  }

  /** The replica that was asked goes down itself: its client is told first what will be. */
  private performAfterAnswer(thread: ReplicaThread, ask: number, act: Act): Promise<PlayState> {
    const { promise, resolve, reject } = Promise.withResolvers<PlayState>()
    this.inTurn(async () => {
      const state = afterAct(this.state(), act)
      const answered = thread.answered(ask)
      resolve(state)
      await answered
      await this.carryOut(act)
    }).catch(reject)
    return promise
  }

  private async inTurn<T>(call: () => Promise<T>): Promise<T> {
    if (this.stopping) throw new BrokerError('OVERLOADED', 'The group is being stopped.')
    if (this.actsWaiting >= ACTS_WAITING_MAX) {
      throw new BrokerError('OVERLOADED', `${ACTS_WAITING_MAX} things are to be done to the group before this one.`)
    }
    this.actsWaiting++
    const done = this.acting.then(call)
    this.acting = done.catch(() => {})
    try {
      return await done
    } finally {
      this.actsWaiting--
    }
  }

  private async carryOut(act: Act): Promise<void> {
    switch (act.act) {
      case 'pause':
        return await this.threads.get(act.replica)?.pause()
      case 'resume':
        return this.threads.get(act.replica)?.resume()
      case 'kill':
        return await this.threads.get(act.replica)?.kill()
      case 'restart':
        return await this.restart(act.replica)
      case 'cut':
        return this.separate(act.side)
      case 'heal':
        return this.separate([])
      case 'loss':
        return this.lose(act.share)
      case 'anew':
        await Promise.all([...this.threads.values()].map((thread) => thread.kill()))
        this.cut = []
        this.lose(0)
        return await this.startAll()
      default:
        act satisfies never
    }
  }

  private separate(side: readonly string[]): void {
    this.cut = side
    const state = this.state()
    const threads = [...this.threads.values()]
    for (const [i, one] of threads.entries()) {
      for (const other of threads.slice(i + 1)) {
        if (areCut(state, one.name, other.name)) this.hub.cut(one.endpoint, other.endpoint)
        else this.hub.mend(one.endpoint, other.endpoint)
      }
    }
  }

  private lose(share: number): void {
    this.loss = share
    this.hub.lose(share, this.options.random)
  }

  // ---- threads

  private conditionOf(name: string): PlayState['replicas'][number]['condition'] {
    return this.threads.get(name)?.condition ?? 'killed'
  }

  private async startAll(): Promise<void> {
    const started = await Promise.allSettled(this.options.configs.map((config) => this.startThread(config)))
    const failed = started.find((one) => one.status === 'rejected')
    if (failed !== undefined) {
      await this.kill()
      throw failed.reason
    }
    this.known = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    this.tellUrls()
  }

  private async restart(name: string): Promise<void> {
    const config = this.options.configs.find((one) => one.name === name) as ReplicaConfig
    try {
      await this.startThread(config)
    } catch (error) {
      if (error instanceof ConfigError) throw new BrokerError('CONFLICT', error.problems.join(' '))
      throw error
    }
    this.tellUrls()
  }

  private async startThread(config: ReplicaConfig): Promise<Replica> {
    const { name } = config
    const known = this.known.find((one) => one.name === name)
    const endpoint = this.hub.attach((error) => this.end({ failed: true, reason: String(error) }))
    const thread = new ReplicaThread({
      config: known === undefined ? config : { ...config, port: Number(new URL(known.url).port) },
      endpoint,
      processMetrics: config === this.options.configs[0],
      urls: this.known.map(({ url }) => url),
      onAsk: (ask) => this.onAsk(name, ask),
    })
    this.threads.set(name, thread)
    // It is on the side on which its former life was.
    this.separate(this.cut)
    void thread.ended.then((ending) => {
      if (ending.failed) this.end(ending)
    })
    return { name, url: await thread.listening }
  }

  private tellUrls(): void {
    const urls = this.known.map(({ url }) => url)
    for (const thread of this.threads.values()) thread.say({ type: 'urls', urls })
  }
}
