// NATS servers as an operator has them: one, or a cluster of three, with a configuration that is changed while they run.
// Every replica has a user of its own, and goes to every server through a proxy of its own; the routes between servers go
// through proxies, too.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { findNatsServer, HOW_TO_GET } from '../../tools/get-nats-server.ts'
import { TcpProxy } from './tcp-proxy.ts'

const READY_MS = 20_000
const PAYLOAD_BYTES = 1024 * 1024

export type Permission = 'publish' | 'subscribe'

/** What all servers are configured with alike. */
interface Configuration {
  maxPayloadBytes: number
  /** By user, what it may no longer do. */
  readonly denied: Map<string, Permission>
}

export class NatsServer {
  readonly name: string
  readonly port: number
  readonly clusterPort: number
  /** From this server to others. */
  readonly routes: TcpProxy[] = []
  private readonly configuration: Configuration
  private readonly users: readonly string[]
  private readonly folder: string
  private child: ChildProcess | undefined
  private ready = false
  /** The configuration, while it was starting. */
  private changed = false

  constructor(name: string, ports: [number, number], users: readonly string[], configuration: Configuration) {
    this.name = name
    this.port = ports[0]
    this.clusterPort = ports[1]
    this.users = users
    this.configuration = configuration
    this.folder = mkdtempSync(join(tmpdir(), 'lockstep-chaos-'))
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const program = findNatsServer()
    if (program === undefined) throw new Error(HOW_TO_GET)
    this.write()
    const child = spawn(program, ['-c', join(this.folder, 'nats.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.child = child
    running.add(child)
    const said: string[] = []
    const ready = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line)
        if (said.length > 20) said.shift()
        if (line.includes('Server is ready')) resolve()
      })
      child.once('error', reject)
      child.once('close', () => {
        running.delete(child)
        reject(new Error(`nats-server ${this.name} ended:\n${said.join('\n')}`))
      })
    })
    await Promise.race([
      ready,
      pause(READY_MS, undefined, { ref: false }).then(() => {
        throw new Error(`nats-server ${this.name} was not ready after ${READY_MS} ms:\n${said.join('\n')}`)
      }),
    ])
    this.ready = true
    if (this.changed) this.configure()
    this.changed = false
  }

  /** As if the machine were gone. */
  async kill(): Promise<void> {
    const { child } = this
    this.child = undefined
    this.ready = false
    if (child === undefined || !running.has(child)) return
    const gone = once(child, 'close')
    child.kill('SIGKILL')
    await gone
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal)
  }

  /** Has a new configuration read. */
  configure(): void {
    this.write()
    // One that is just starting would be ended by this signal.
    if (this.ready) this.signal('SIGHUP')
    else this.changed = true
  }

  async remove(): Promise<void> {
    await this.kill()
    for (const proxy of this.routes) await proxy.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  private write(): void {
    writeFileSync(join(this.folder, 'nats.conf'), this.text())
  }

  private text(): string {
    const { maxPayloadBytes, denied } = this.configuration
    const users = this.users.map((user) => {
      const what = denied.get(user)
      const permissions = what === undefined ? '' : `, permissions: { ${what}: { deny: [">"] } }`
      return `    { user: "${user}", password: "secret"${permissions} }`
    })
    const lines = [
      `server_name: "${this.name}"`,
      `listen: "127.0.0.1:${this.port}"`,
      `max_payload: ${maxPayloadBytes}`,
      'authorization {',
      '  users: [',
      ...users,
      '  ]',
      '}',
    ]
    if (this.routes.length > 0) {
      const routes = this.routes.map(({ port }) => `"nats-route://127.0.0.1:${port}"`)
      // Servers tell each other of others. What they tell leads nowhere, so that all go through the proxies.
      lines.push('cluster {', '  name: "chaos"', `  listen: "127.0.0.1:${this.clusterPort}"`)
      lines.push('  cluster_advertise: "127.0.0.1:1"', `  routes: [${routes.join(', ')}]`, '}')
    }
    return `${lines.join('\n')}\n`
  }
}

// Whatever becomes of this process, it leaves none behind. A stopped process ends by SIGKILL, too.
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class NatsServers {
  readonly all: readonly NatsServer[]
  private readonly configuration: Configuration

  private constructor(all: readonly NatsServer[], configuration: Configuration) {
    this.all = all
    this.configuration = configuration
  }

  static async start(count: 1 | 3, users: readonly string[]): Promise<NatsServers> {
    const configuration: Configuration = { maxPayloadBytes: PAYLOAD_BYTES, denied: new Map() }
    const ports = await freePorts(2 * count)
    const all = Array.from(
      { length: count },
      (_, i) => new NatsServer(`nats-${i + 1}`, [ports[2 * i]!, ports[2 * i + 1]!], users, configuration),
    )
    for (const server of all)
      for (const other of all)
        if (other !== server) server.routes.push(await TcpProxy.open('127.0.0.1', () => other.clusterPort))
    await Promise.all(all.map((server) => server.start()))
    return new NatsServers(all, configuration)
  }

  limitPayload(bytes: number = PAYLOAD_BYTES): void {
    this.configuration.maxPayloadBytes = bytes
    this.reload()
  }

  deny(user: string, what: Permission): void {
    this.configuration.denied.set(user, what)
    this.reload()
  }

  allow(user: string): void {
    this.configuration.denied.delete(user)
    this.reload()
  }

  /** The routes between one server and the others, both ways. */
  routesOf(server: NatsServer): TcpProxy[] {
    return this.all.flatMap((one) => {
      const others = this.all.filter((other) => other !== one)
      return one.routes.filter((_, i) => one === server || others[i] === server)
    })
  }

  async remove(): Promise<void> {
    await Promise.all(this.all.map((server) => server.remove()))
  }

  private reload(): void {
    for (const server of this.all) server.configure()
  }
}

/** Free when they are given. Whoever else takes one before it is used makes the start fail, with a sentence. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
