// One replica in a thread of its own, begun by `replica-thread.ts`. A thread can be stopped and killed as a process can:
// told to stand still, it waits for a number in shared memory to change, and nothing of it runs meanwhile, while the
// system keeps its connections; terminated, it is gone at once, and its connections break.

import { setTimeout as patience } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { setCollector } from '../../collector.ts'
import { ConfigError } from '../../config.ts'
import { BrokerError } from '../../errors.ts'
import { ThreadFabric } from '../../fabric/thread.ts'
import type { Act, Play, PlayState } from '../../http/play.ts'
import { createLog } from '../../log.ts'
import { Replica } from '../../replica.ts'
import { stopOnBugs } from '../until-ended.ts'
import type { FromThread, ThreadData, ToThread } from './messages.ts'

if (parentPort === null) throw new Error('this runs in a thread of lockstep dev')
const main = parentPort
const { config, line, processMetrics, urls, still: memory } = workerData as ThreadData
const still = new Int32Array(memory)
const say = (message: FromThread): void => main.postMessage(message)

/** The main thread does it, whichever replica is asked. */
class RemotePlay implements Play {
  private readonly origins = new Set<string>()
  private readonly waiting = new Map<number, PromiseWithResolvers<PlayState>>()
  private asked = 0

  /** Addresses under which pages of the group are served: also by the other name of this machine. */
  learn(urls: readonly string[]): void {
    for (const url of urls) {
      const { origin, port } = new URL(url)
      this.origins.add(origin).add(`http://localhost:${port}`)
    }
  }

  isOwn(origin: string): boolean {
    return this.origins.has(origin)
  }

  async state(): Promise<PlayState> {
    return await this.ask()
  }

  async perform(act: Act, answered: Promise<void>): Promise<PlayState> {
    const state = this.ask(act)
    const ask = this.asked
    void answered.then(() => say({ type: 'answered', ask }))
    return await state
  }

  heard(message: Extract<ToThread, { ask: number }>): void {
    const asker = this.waiting.get(message.ask)
    this.waiting.delete(message.ask)
    if (message.type === 'done') asker?.resolve(message.state)
    else asker?.reject(new BrokerError(message.code, message.message, message.details))
  }

  private ask(act?: Act): Promise<PlayState> {
    const asker = Promise.withResolvers<PlayState>()
    this.waiting.set(++this.asked, asker)
    say({ type: 'ask', ask: this.asked, ...(act !== undefined && { act }) })
    return asker.promise
  }
}

setCollector()
const log = createLog(config.logLevel, config.name, { format: config.logFormat })
stopOnBugs(log)
const play = new RemotePlay()
play.learn(urls)
try {
  const replica = await Replica.start({
    config,
    log,
    openFabric: (onBug) => new ThreadFabric(line, onBug),
    processMetrics,
    play,
  })
  main.on('message', (message: ToThread) => {
    if (message.type === 'stop') replica.stop()
    else if (message.type === 'urls') play.learn(message.urls)
    else if (message.type === 'standStill') {
      say({ type: 'standing' })
      Atomics.wait(still, 0, 1)
    } else play.heard(message)
  })
  say({ type: 'listening', url: replica.url })
  void replica.ready.then(() => say({ type: 'ready' }))
  void replica.ended.then(async (ending) => {
    await printed()
    say({ type: 'ended', ending })
  })
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  say({ type: 'cannotStart', problems: error.problems })
}

/** How long whoever reads what is printed may take for the last of it. */
const PRINT_MS = 500

/** What a thread prints the main thread takes piece by piece; what it has not taken would be lost with the thread. */
async function printed(): Promise<void> {
  const streams = [process.stdout, process.stderr]
  const taken = Promise.all(streams.map((stream) => new Promise<void>((resolve) => stream.write('', () => resolve()))))
  await Promise.race([taken, patience(PRINT_MS)])
}
