// A client for the commands that stay with a group for a while. Nobody there at the beginning is an error; later it goes
// on elsewhere by itself, and says so.

import { Client, type ConnectOptions } from '../../clients/src/index.ts'
import { matches } from '../events/patterns.ts'
import { AnswerError, ask } from './client-flags.ts'
import { note } from './notes.ts'
import { allTopics } from './topics.ts'

export interface Seen {
  readonly seq: number
  readonly view: { readonly members: readonly { readonly name: string; readonly url: string }[] }
}

/** Throws `AnswerError` when no replica answers. */
export async function look(urls: readonly string[]): Promise<Seen> {
  return (await ask(urls, '/v1/cluster')) as Seen
}

/** Call `look` first: a client tries for ever. */
export function attach(urls: readonly string[], options: Partial<ConnectOptions> = {}): Client {
  let lost = false
  return new Client({
    replicas: urls,
    ...options,
    onBroken: (why, replica) => {
      if (!lost) note(`lost ${replica}: ${why}; trying the next`)
      lost = true
      options.onBroken?.(why, replica)
    },
    onCluster: (cluster) => {
      if (lost) note(`going on at ${cluster.replica}`)
      lost = false
      options.onCluster?.(cluster)
    },
  })
}

/** Those of the names that are no topics, and of the wildcards that no topic matches. */
export async function missingTopics(urls: readonly string[], topics: readonly string[]): Promise<string[]> {
  const missing: string[] = []
  const all = topics.some(isWild) ? await allTopics(urls) : []
  for (const topic of topics) {
    if (isWild(topic)) {
      if (!all.some((one) => matches(topic, one.topic))) missing.push(topic)
      continue
    }
    try {
      await ask(urls, `/v1/topics/${encodeURIComponent(topic)}`)
    } catch (error) {
      if (!(error instanceof AnswerError) || error.status !== 404) throw error
      missing.push(topic)
    }
  }
  return missing
}

export function nothingThere(topic: string): string {
  return isWild(topic) ? `no topic matches ${topic}` : `there is no topic ${topic}`
}

function isWild(topic: string): boolean {
  return /[*>]/.test(topic)
}
