// A group in play, as its clients see it: by HTTP, through whichever replica answers.

import type { ExecutionContext } from 'ava'
import { EmbeddedGroup } from '../../../broker/cli/dev/group.ts'
import { readConfig } from '../../../broker/config.ts'
import type { PlayState } from '../../../broker/http/play.ts'
import { Chance } from '../../sim/random.ts'

export interface Cluster {
  readonly history: string
  readonly view: { readonly number: number; readonly members: readonly { readonly name: string }[] }
  readonly primary: boolean
  readonly seq: number
  readonly digest: string
}

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly value: any
}

const NAMES = ['a', 'b', 'c']
const JSON_TYPE = { 'Content-Type': 'application/json' }
/** Far more than any change of view takes, and less than a test may. */
const WITHIN_MS = 30_000
const ANSWER_MS = 2000

export class PlayedGroup {
  readonly group: EmbeddedGroup

  private constructor(group: EmbeddedGroup) {
    this.group = group
  }

  static async start(t: ExecutionContext): Promise<PlayedGroup> {
    // Publishes that nobody can take are answered soon; all else is as it is by default.
    const flags = { roster: NAMES.join(), listen: '127.0.0.1:0', 'log-level': 'silent', 'publish-timeout-ms': '2000' }
    const configs = NAMES.map((name) => readConfig({ name, ...flags }, {}))
    const chance = new Chance(1)
    const group = await EmbeddedGroup.start({ configs, random: () => chance.next() })
    t.teardown(() => group.kill())
    await group.ready
    return new PlayedGroup(group)
  }

  get urls(): string[] {
    return this.group.replicas.map(({ url }) => url)
  }

  urlOf(name: string): string {
    return this.group.replicas.find((replica) => replica.name === name)?.url as string
  }

  /** Asks that replica to do it. */
  async act(asked: string, act: string, body: object = {}): Promise<Answer> {
    return await post(`${this.urlOf(asked)}/dev/play/${act}`, body)
  }

  async conditions(asked: string): Promise<Record<string, string>> {
    const { replicas } = (await (await fetch(`${this.urlOf(asked)}/dev/play`)).json()) as PlayState
    return Object.fromEntries(replicas.map(({ name, condition }) => [name, condition]))
  }

  async putTopic(topic: string): Promise<void> {
    const [first, ...others] = this.urls.map((url) => `${url}/v1/topics/${topic}`)
    await fetch(first as string, { method: 'PUT', headers: JSON_TYPE, body: '{}' })
    for (const url of others) await until(`${topic} at ${url}`, async () => (await fetch(url)).ok)
  }

  async publish(name: string, topic: string, data: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return await post(`${this.urlOf(name)}/v1/topics/${topic}/events`, data, headers)
  }

  /** What it says of the group; undefined: nothing. */
  async cluster(name: string): Promise<Cluster | undefined> {
    try {
      const response = await fetch(`${this.urlOf(name)}/v1/cluster`, { signal: AbortSignal.timeout(ANSWER_MS) })
      return (await response.json()) as Cluster
    } catch {
      return undefined
    }
  }

  /** Resolves when this is the primary view at all of them. */
  async view(...members: string[]): Promise<void> {
    await until(`a view of ${members.join()}`, async () => {
      const clusters = await Promise.all(members.map((name) => this.cluster(name)))
      return clusters.every((one) => one?.primary && namesOf(one).join() === members.toSorted().join())
    })
  }

  /** Resolves when all are as far as each other, and in the same state. */
  async agree(): Promise<void> {
    await until('equal states at all', async () => {
      const clusters = await Promise.all(NAMES.map((name) => this.cluster(name)))
      const [first, ...others] = clusters.map((one) => `${one?.seq} ${one?.digest}`)
      return clusters[0] !== undefined && others.every((other) => other === first)
    })
  }
}

export function namesOf({ view }: Cluster): string[] {
  return view.members.map(({ name }) => name).sort()
}

export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WITHIN_MS
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what} did not come about`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, value: await response.json() }
}
