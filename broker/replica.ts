// One replica, put together: fabric, member, driver, broker and HTTP server, with the real clocks. It runs until it is
// told to leave the group, or until a bug is found in it: then it stops at once, since the others can only rely on a
// replica that does what it should or nothing.

import { randomInt } from 'node:crypto'
import { Broker, incarnationText, memberDescription } from './broker.ts'
import { Changes } from './changes.ts'
import { monotonicMs, wallClockMs } from './clock.ts'
import { ConfigError, type ReplicaConfig } from './config.ts'
import { type Application, Driver } from './driver.ts'
import type { CountingFabric } from './fabric/counters.ts'
import { Member } from './group/member.ts'
import type { ViewOutput } from './group/port.ts'
import type { MemberId } from './group/view.ts'
import { Neighbours } from './http/neighbours.ts'
import type { Play } from './http/play.ts'
import { SchemaRegistry } from './http/schema-registry.ts'
import { type HttpServer, listen } from './http/server.ts'
import { Journal } from './journal.ts'
import type { Log } from './log.ts'
import { Metrics } from './metrics/metrics.ts'
import { operationsOf } from './operations.ts'
import { type Tracing, tracingIfWanted } from './tracing.ts'
import { version } from './version.ts'

export interface ReplicaOptions {
  readonly config: ReplicaConfig
  readonly log: Log
  /** What a listener of the fabric throws must come to `onBug`; what an operator should know of it, to `onProblem`. */
  readonly openFabric: (
    onBug: (error: unknown) => void,
    onProblem: (problem: string) => void,
  ) => CountingFabric | Promise<CountingFabric>
  /** Metrics of the process besides those of the replica. */
  readonly processMetrics?: boolean
  /** What may be done to the group for play; where there is none, nothing. */
  readonly play?: Play
}

export interface Ending {
  /** By a bug, or put out for good; otherwise it was told to stop. */
  readonly failed: boolean
  readonly reason: string
}

/** How long clients have to finish when a replica stops. Too small: answers are cut off. Too large: a slow restart. */
const DRAIN_MS = 2000
/** After one `stallAfterMs` the group puts out who holds it up; after so many that has not helped. */
const STALLS_MAX = 2

/** How long the provider of traces has, when a replica stops, to write the last ones. */
const TRACES_MS = 1000

export class Replica {
  readonly name: string
  /** Where it serves. */
  readonly url: string
  /** Resolves when it is a member of a view for the first time. */
  readonly ready: Promise<void>
  /** Resolves when it has ended, whatever the cause; nothing of it runs any more then. */
  readonly ended: Promise<Ending>
  private readonly journal: Journal
  private readonly fabric: CountingFabric
  private readonly http: HttpServer
  private readonly member: Member
  private readonly driver: Driver
  private readonly broker: Broker
  private readonly changes: Changes
  private readonly metrics: Metrics
  private readonly tracing: Tracing | undefined
  private readonly neighbours: Neighbours
  /** The other members of the view. */
  private others: readonly MemberId[] = []
  private readonly leaveWaitMs: number
  private readonly ticking: NodeJS.Timeout
  private leaveTimer: NodeJS.Timeout | undefined
  private tickDueAt: number
  private ending = false
  private leaving = false
  private becomeReady: () => void = () => {}
  private end: (ending: Ending) => void = () => {}

  /** Throws `ConfigError` when it cannot listen where it should. */
  static async start(options: ReplicaOptions): Promise<Replica> {
    const { config, log } = options
    // The parts need one another, and nothing calls back before this function has returned to the event loop.
    let replica: Replica | undefined
    const onBug = (error: unknown): void => replica?.fail(error)
    const journal = new Journal({
      log,
      now: monotonicMs,
      memberStatus: () => replica!.member.status(),
      linked: () => replica!.fabric.linked,
    })
    const fabric = await options.openFabric(onBug, (problem) => journal.fabricProblem(problem))
    const metrics = new Metrics({
      now: monotonicMs,
      version: version(),
      processMetrics: options.processMetrics ?? true,
    })
    const tracing = tracingIfWanted(config.name)
    const guarded = (call: () => void): void => {
      try {
        call()
      } catch (error) {
        onBug(error)
      }
    }
    const endOfTurn = (call: () => void): void => void setImmediate(guarded, call)
    const broker = new Broker({
      name: config.name,
      limits: config.limits,
      stateLimits: config.settings,
      pendingRequestsMax: config.pendingRequestsMax,
      pendingBytesMax: config.pendingBytesMax,
      publishTimeoutMs: config.publishTimeoutMs,
      primaryGraceMs: config.primaryGraceMs,
      stalledAfterMs: STALLS_MAX * config.settings.stallAfterMs,
      minReplicas: config.settings.minReplicas,
      autoTopics: config.autoTopics,
      submit: (request) => replica!.driver.submit(request),
      showEarly: (wanted) => guarded(() => replica!.driver.showEarly(wanted)),
      memberStatus: () => replica!.member.status(),
      datagramBytesMax: () => fabric.datagramBytesMax,
      now: monotonicMs,
      wallClock: wallClockMs,
      random: Math.random,
      schemas: new SchemaRegistry({ schemaBytesMax: config.limits.schemaBytesMax }),
      endOfTurn,
      observe: metrics,
      tracer: tracing,
      clients: () => replica!.http.connections,
    })
    const changes = new Changes({ wallClock: wallClockMs, seq: () => broker.state.seq, describe: memberDescription })
    let http: HttpServer
    try {
      http = await listen(
        operationsOf(broker, changes, (format) => metrics.text(format)),
        {
          host: config.host,
          port: config.port,
          unexpected: (error) => journal.failedRequest(error),
          onRefused: (error) => journal.refused(error),
          every: (ms, call) => {
            const timer = setInterval(call, ms)
            return () => clearInterval(timer)
          },
          onLost: (incarnation) => guarded(() => replica?.hint(incarnation)),
          ...(options.play !== undefined && { play: options.play }),
        },
      )
    } catch (error) {
      await fabric.close()
      throw cannotListen(config, error)
    }
    replica = new Replica(config, journal, fabric, http, broker, changes, metrics, tracing, endOfTurn, guarded)
    return replica
  }

  private constructor(
    config: ReplicaConfig,
    journal: Journal,
    fabric: CountingFabric,
    http: HttpServer,
    broker: Broker,
    changes: Changes,
    metrics: Metrics,
    tracing: Tracing | undefined,
    endOfTurn: (call: () => void) => void,
    guarded: (call: () => void) => void,
  ) {
    this.name = config.name
    this.url = config.advertise ?? urlOf(config.host, http.port)
    this.journal = journal
    this.fabric = fabric
    this.http = http
    this.broker = broker
    this.changes = changes
    this.metrics = metrics
    this.tracing = tracing
    this.leaveWaitMs = config.settings.leaveWaitMs
    this.ready = new Promise((resolve) => {
      this.becomeReady = resolve
    })
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
    this.member = new Member(
      {
        settings: config.settings,
        name: config.name,
        url: this.url,
        // Below 2^48, never 0, and not to be guessed from another.
        incarnation: randomInt(1, 2 ** 48 - 1),
        roster: config.roster,
        random: Math.random,
        datagramBytesMax: () => fabric.datagramBytesMax,
      },
      monotonicMs(),
    )
    metrics.watch({
      broker,
      fabric,
      memberStatus: () => this.member.status(),
      memberLags: () => this.member.lags(),
      clients: () => ({
        connections: http.connections,
        eventStreams: http.streams.size,
        webSockets: http.webSockets.size,
      }),
      config,
    })
    this.driver = new Driver({
      member: this.member,
      fabric,
      application: {
        output: (output) => this.output(output),
        snapshot: () => broker.snapshot(),
        digest: () => broker.digest(),
        turnEnded: () => broker.turnEnded(),
      },
      now: monotonicMs,
      endOfTurn,
    })
    this.neighbours = new Neighbours({
      onGone: (incarnation) => guarded(() => this.hint(incarnation)),
      after: (ms, call) => {
        const timer = setTimeout(guarded, ms, call)
        return () => clearTimeout(timer)
      },
    })
    const { tickMs } = config.settings
    this.tickDueAt = monotonicMs() + tickMs
    this.ticking = setInterval(() => guarded(() => this.tick(tickMs)), tickMs)
    // Whoever waits for this line may send a signal at once: by then the process listens to it.
    setImmediate(() => journal.started(config.group, config.roster, this.url))
  }

  /** Leaves the group, what was taken is answered first; drains clients; then `ended`. */
  stop(): void {
    if (this.leaving || this.ending) return
    this.leaving = true
    this.journal.leaving()
    // The member gives up by itself after leaveWaitMs; this is for one that does not.
    this.leaveTimer = setTimeout(
      () => this.finish({ failed: false, reason: 'leaving took too long' }),
      this.leaveWaitMs + 1000,
    )
    try {
      this.driver.leave()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Stops as a crash would: the others find out by themselves. */
  async kill(): Promise<void> {
    await this.finish({ failed: false, reason: 'killed' }, 0)
  }

  private tick(tickMs: number): void {
    const now = monotonicMs()
    this.metrics.ticked(now - this.tickDueAt)
    this.tickDueAt = now + tickMs
    this.driver.tick()
    this.broker.tick()
    this.journal.tick()
  }

  private output(output: Parameters<Application['output']>[0]): void {
    this.metrics.output(output)
    this.broker.output(output)
    this.journal.output(output)
    this.changes.output(output)
    switch (output.type) {
      case 'view':
        this.watchOthers(output)
        if (output.member) this.announceReady(output.view.number)
        break
      case 'exit':
        void this.finish({ failed: !this.leaving, reason: output.reason })
        break
      case 'note':
      case 'restore':
      case 'reincarnated':
      case 'unsent':
      case 'deliver':
      case 'early':
      case 'retract':
        break
      default:
        output satisfies never
    }
  }

  private watchOthers({ member, view }: ViewOutput): void {
    const self = this.member.status().self.incarnation
    this.others = member ? view.members.filter(({ incarnation }) => incarnation !== self) : []
    this.neighbours.watch(
      this.others.map(({ name, incarnation, url }) => ({ name, incarnation: incarnationText(incarnation), url })),
    )
  }

  private hint(text: string): void {
    const gone = this.others.find(({ incarnation }) => incarnationText(incarnation) === text)
    if (gone === undefined || this.ending) return
    this.journal.hinted(gone.name)
    this.driver.hint(gone.incarnation)
  }

  private announceReady(view: number): void {
    if (this.becomeReady === DONE) return
    this.journal.ready(this.name, view, this.url)
    this.becomeReady()
    this.becomeReady = DONE
  }

  private fail(error: unknown): void {
    if (this.ending) return
    this.journal.bug(error)
    void this.finish({ failed: true, reason: error instanceof Error ? error.message : String(error) }, 0)
  }

  private async finish(ending: Ending, drainMs: number = DRAIN_MS): Promise<void> {
    if (this.ending) return
    this.ending = true
    this.driver.stop()
    clearInterval(this.ticking)
    this.neighbours.close()
    clearTimeout(this.leaveTimer)
    await Promise.all([this.http.close(drainMs), this.fabric.close()])
    await this.tracing?.flush(TRACES_MS)
    this.journal.stopped(ending.reason, ending.failed)
    this.end(ending)
  }
}

const DONE = (): void => {}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function cannotListen(config: ReplicaConfig, error: unknown): unknown {
  const { code, message, syscall } = error as NodeJS.ErrnoException
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return error
  const where = `${config.host}:${config.port}`
  switch (code) {
    case 'EADDRINUSE':
      return new ConfigError([`${where} is in use by another process: stop that, or choose another port.`])
    case 'EACCES':
      return new ConfigError([`${where} may not be listened on by this user: choose a port above 1023.`])
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ConfigError([`${where} is no address of this machine: listen on one of its own, or on 0.0.0.0.`])
    default:
      return new ConfigError([`${where} cannot be listened on: ${message}.`])
  }
}
