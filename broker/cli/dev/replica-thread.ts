// The main thread's side of a replica in a thread: how it is started, stood still, let go on, and killed.

import { Worker } from 'node:worker_threads'
import { ConfigError, type ReplicaConfig } from '../../config.ts'
import type { MemoryFabric } from '../../fabric/memory.ts'
import { layLine } from '../../fabric/thread.ts'
import type { Condition } from '../../http/play.ts'
import type { Ending } from '../../replica.ts'
import type { Ask, FromThread, ThreadData, ToThread } from './messages.ts'

export interface ReplicaThreadParts {
  readonly config: ReplicaConfig
  /** Its own; closed with it. */
  readonly endpoint: MemoryFabric
  readonly processMetrics: boolean
  readonly urls: readonly string[]
  /** It has a question of one of its clients. */
  readonly onAsk: (ask: Ask) => void
}

/** What may lie unread between the threads, each way. Too small: bursts are lost and repaired. Too large: memory. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024

export class ReplicaThread {
  readonly name: string
  readonly endpoint: MemoryFabric
  /** Resolves when it is a member of a view for the first time. */
  readonly ready: Promise<void>
  /** Resolves when it is gone, whatever the cause. One that was killed has not failed. */
  readonly ended: Promise<Ending>
  /** Resolves with its address when it serves; rejects with a `ConfigError` when it cannot listen where it should. */
  readonly listening: Promise<string>
  condition: Condition = 'running'
  private readonly worker: Worker
  private readonly still = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  private readonly answers = new Map<number, () => void>()
  private standing: () => void = () => {}

  constructor({ config, endpoint, processMetrics, urls, onAsk }: ReplicaThreadParts) {
    this.name = config.name
    this.endpoint = endpoint
    const line = layLine(endpoint, WAITING_BYTES_MAX)
    const data: ThreadData = { config, line, processMetrics, urls, still: this.still.buffer as SharedArrayBuffer }
    this.worker = new Worker(new URL('thread.ts', import.meta.url), {
      name: `replica ${config.name}`,
      workerData: data,
      transferList: [line.port],
    })
    const ready = Promise.withResolvers<void>()
    const listening = Promise.withResolvers<string>()
    this.ready = ready.promise
    this.listening = listening.promise
    let ending: Ending = { failed: true, reason: 'its thread ended' }
    this.worker.on('message', (message: FromThread) => {
      switch (message.type) {
        case 'listening':
          return listening.resolve(message.url)
        case 'cannotStart':
          listening.reject(new ConfigError(message.problems))
          return void this.kill()
        case 'ready':
          return ready.resolve()
        case 'standing':
          return this.standing()
        case 'ended':
          ending = message.ending
          return void this.worker.terminate()
        case 'ask':
          return onAsk(message)
        case 'answered':
          return this.onAnswered(message.ask)
        default:
          message satisfies never
      }
    })
    this.worker.on('error', (error) => {
      ending = { failed: true, reason: error instanceof Error ? error.message : String(error) }
    })
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', () => {
        const wasKilled = this.condition === 'killed'
        this.condition = 'killed'
        void endpoint.close()
        for (const ask of [...this.answers.keys()]) this.onAnswered(ask)
        this.standing()
        listening.reject(new Error(`the thread of replica ${this.name} ended before it served: ${ending.reason}`))
        resolve(wasKilled ? { failed: false, reason: 'killed' } : ending)
      })
    })
  }

  say(message: ToThread): void {
    this.worker.postMessage(message)
  }

  /** Resolves when the answer to this has left, or cannot any more. To be called before it is answered. */
  answered(ask: number): Promise<void> {
    return new Promise((resolve) => this.answers.set(ask, resolve))
  }

  /** Resolves when nothing of it runs any more. */
  async pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.standing = resolve
    Atomics.store(this.still, 0, 1)
    this.say({ type: 'standStill' })
    await promise
    if (this.condition === 'running') this.condition = 'paused'
  }

  resume(): void {
    this.condition = 'running'
    Atomics.store(this.still, 0, 0)
    Atomics.notify(this.still, 0)
  }

  /** At once, whatever it is doing. */
  async kill(): Promise<void> {
    this.condition = 'killed'
    await Promise.all([this.endpoint.close(), this.worker.terminate()])
  }

  /** It leaves the group; one that stands still cannot, and is killed. */
  stop(): void {
    if (this.condition === 'paused') void this.kill()
    else this.say({ type: 'stop' })
  }

  private onAnswered(ask: number): void {
    this.answers.get(ask)?.()
    this.answers.delete(ask)
  }
}
