// One member of a group of three in a process of its own, without HTTP: fabric, member and driver as in a replica, and an
// application that only counts what is safe. Its own events come out of the order in the order in which they went in, so
// a first-in-first-out list of instants tells how long each took.

import { randomInt } from 'node:crypto'
import { setCollector } from '../../broker/collector.ts'
import { Driver } from '../../broker/driver.ts'
import { connectNats, type NatsFabric } from '../../broker/fabric/nats.ts'
import { Member } from '../../broker/group/member.ts'
import type { Output } from '../../broker/group/port.ts'
import { DEFAULT_SETTINGS, type GroupSettings } from '../../broker/group/settings.ts'
import { serve, type Work } from './child.ts'
import { countEvents } from './count-events.ts'
import { atRate } from './steady.ts'
import { STEADY_A_SECOND, type Task, type Window } from './task.ts'

/** Three batches. */
const QUEUE_BYTES = 96 * 1024

/**
 * A flooding member submits until it is refused, and its queue takes a few events more than fill batches: the member never
 * runs dry, and the last slot of a turn may leave nearly empty, as with any load that knows nothing of batches.
 */
function settingsFor(eventBytes: number): GroupSettings {
  const events = Math.ceil(QUEUE_BYTES / (eventBytes + 4))
  return { ...DEFAULT_SETTINGS, queueBytesMax: events * eventBytes }
}

/** Under a flood so many events share one measurement of latency. */
const SAMPLE_EVERY = 1000

class GroupWork implements Work {
  readonly latencies: number[] = []
  readonly ready: Promise<void>
  private readonly task: Task
  private readonly fabric: NatsFabric
  private readonly member: Member
  private readonly driver: Driver
  private readonly ticking: NodeJS.Timeout
  private readonly event: Uint8Array
  private readonly fail: (error: unknown) => void
  private becomeReady: () => void = () => {}
  private flooding = false
  private submitted = 0
  private ownSafe = 0
  private safe = 0
  private batches = 0
  private turns = 0
  /** Of own events that are not safe yet: which one, and when it was submitted. */
  private readonly marks: { number: number; at: number }[] = []

  constructor(task: Task, fabric: NatsFabric, fail: (error: unknown) => void) {
    this.task = task
    this.fabric = fabric
    this.fail = fail
    this.event = new Uint8Array(task.eventBytes).fill(0x61)
    this.ready = new Promise((resolve) => {
      this.becomeReady = resolve
    })
    const now = (): number => performance.now()
    this.member = new Member(
      {
        settings: settingsFor(task.eventBytes),
        name: task.name,
        url: `http://${task.name}`,
        incarnation: randomInt(1, 2 ** 48 - 1),
        roster: task.roster,
        random: Math.random,
        datagramBytesMax: () => fabric.datagramBytesMax,
      },
      now(),
    )
    this.driver = new Driver({
      member: this.member,
      fabric,
      application: {
        output: (output) => this.output(output),
        snapshot: () => [],
        digest: () => this.safe >>> 0,
        turnEnded: () => {
          this.turns++
          if (this.flooding) this.feed()
        },
      },
      now,
      endOfTurn: (call) => void setImmediate(call),
    })
    this.ticking = setInterval(() => this.driver.tick(), DEFAULT_SETTINGS.tickMs)
  }

  start(window: Window): void {
    if (this.task.work === 'flood') {
      this.flooding = true
      this.feed()
      return
    }
    // One member at a time, each for an equal part of the window. The first one begins before it, to warm up.
    const part = (window.until - window.from) / this.task.roster.length
    const turn = this.task.roster.indexOf(this.task.name)
    const from = turn === 0 ? Date.now() : window.from + turn * part
    void atRate(STEADY_A_SECOND, from, window.from + (turn + 1) * part, () => {
      if (!this.submit(true)) this.fail('an event was refused')
    })
  }

  events(): number {
    return this.safe
  }

  counts(): Record<string, number> {
    const { counters, view, unstableSlots } = this.member.status()
    const { dropped } = this.fabric.counters
    return {
      view: view?.number ?? 0,
      batches: this.batches,
      turns: this.turns,
      unstableSlots,
      slots: counters.sent['slot'] ?? 0,
      headers: counters.sent['header'] ?? 0,
      repairsAsked: Object.values(counters.repairsAsked).reduce((sum, count) => sum + count),
      fabricDropped: Object.values(dropped).reduce((sum, n) => sum + n, 0),
    }
  }

  async close(): Promise<void> {
    this.flooding = false
    this.driver.stop()
    clearInterval(this.ticking)
    await this.fabric.close()
  }

  private feed(): void {
    while (this.submit(this.submitted % SAMPLE_EVERY === 0));
  }

  private submit(mark: boolean): boolean {
    if (this.driver.submit(this.event) !== undefined) return false
    this.submitted++
    if (mark) this.marks.push({ number: this.submitted, at: performance.now() })
    return true
  }

  private output(output: Exclude<Output, { type: 'send' | 'takeSnapshot' }>): void {
    switch (output.type) {
      case 'deliver': {
        const events = countEvents(output.batch, this.task.eventBytes)
        this.safe += events
        this.batches++
        if (output.sender.name === this.task.name) this.onOwnSafe(events)
        break
      }
      case 'view':
        if (output.failed.length > 0) this.fail(`put out of the view: ${output.failed.map(({ name }) => name)}`)
        else if (output.view.members.length === this.task.roster.length) this.becomeReady()
        break
      case 'reincarnated':
      case 'exit':
        this.fail(output.reason)
        break
    }
  }

  private onOwnSafe(events: number): void {
    this.ownSafe += events
    const now = performance.now()
    let done = 0
    while (done < this.marks.length && this.marks[done]!.number <= this.ownSafe) {
      this.latencies.push(now - this.marks[done++]!.at)
    }
    this.marks.splice(0, done)
  }
}

setCollector()
serve(async (task, fail) => {
  const fabric = await connectNats({
    servers: [task.url],
    group: task.group,
    name: task.name,
    onProblem: (text) => process.stderr.write(`${task.name}: ${text}\n`),
    onBug: fail,
  })
  const work = new GroupWork(task, fabric, fail)
  await work.ready
  return work
})
