// A whole group in this process, over the fabric in memory, for clients to be attached to.

import type { ExecutionContext } from 'ava'
import { type Flags, readConfig } from '../../broker/config.ts'
import { type MemoryFabric, MemoryHub } from '../../broker/fabric/memory.ts'
import { createLog, type LogOutput } from '../../broker/log.ts'
import { Replica } from '../../broker/replica.ts'
import type { Cluster } from '../../clients/src/index.ts'

export interface GroupOptions {
  /** Where all of them log. */
  readonly output?: LogOutput
  readonly flags?: Flags
}

export class Group {
  readonly replicas: Map<string, Replica> = new Map()
  /** Which datagrams reach this replica. */
  hears: (name: string, datagram: Buffer) => boolean = () => true
  /** What these say reaches nobody. */
  readonly mute: Set<string> = new Set()
  readonly fabrics: Map<string, MemoryFabric> = new Map()
  private readonly hub = new MemoryHub()
  private readonly names: readonly string[]
  private readonly options: GroupOptions

  private constructor(names: readonly string[], options: GroupOptions) {
    this.names = names
    this.options = options
  }

  static async start(t: ExecutionContext, size = 3, options: GroupOptions = {}): Promise<Group> {
    const group = new Group(['a', 'b', 'c', 'd', 'e'].slice(0, size), options)
    await Promise.all(group.names.map((name) => group.add(name)))
    t.teardown(() => Promise.all([...group.replicas.values()].map((replica) => replica.kill())))
    await Promise.all([...group.replicas.values()].map((replica) => replica.ready))
    return group
  }

  get urls(): string[] {
    return [...this.replicas.values()].map(({ url }) => url)
  }

  of(name: string): Replica {
    return this.replicas.get(name) as Replica
  }

  /** The replica that a client is attached to. */
  at(url: string): Replica {
    return [...this.replicas.values()].find((replica) => replica.url === url) as Replica
  }

  async add(name: string, flags: Flags = {}): Promise<Replica> {
    const { output } = this.options
    const all = { name, roster: this.names.join(), listen: '127.0.0.1:0', ...this.options.flags, ...flags }
    const config = readConfig(all, {})
    const replica = await Replica.start({
      config,
      log: createLog(output === undefined ? 'silent' : 'debug', name, { ...(output && { output }) }),
      openFabric: (onBug) => {
        const fabric = this.hub.attach(onBug)
        this.fabrics.set(name, fabric)
        const [listen, send] = [fabric.listen.bind(fabric), fabric.send.bind(fabric)]
        fabric.send = (to, datagram) => {
          if (!this.mute.has(name)) send(to, datagram)
        }
        fabric.listen = (receive, linkChanged) =>
          listen((datagram) => {
            if (this.hears(name, Buffer.from(datagram))) receive(datagram)
          }, linkChanged)
        return fabric
      },
      processMetrics: false,
    })
    this.replicas.set(name, replica)
    return replica
  }

  /** The others do not hear it, and put it out; then they hear it again, and it comes back. */
  async putOut(name: string): Promise<void> {
    this.mute.add(name)
    const [other] = this.names.filter((one) => one !== name)
    const { url } = this.of(other as string)
    for (let out = false; !out; ) {
      const { view } = (await (await fetch(`${url}/v1/cluster`)).json()) as Cluster
      out = view.members.every((member) => member.name !== name)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    this.mute.delete(name)
  }

  async putTopic(topic: string, settings: object = {}): Promise<void> {
    const response = await fetch(`${this.urls[0]}/v1/topics/${topic}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(settings),
    })
    if (!response.ok) throw new Error(await response.text())
  }
}
