// The topics that are shown: the first ones by name, or those that match what is searched for. A group may have a hundred
// thousand, and no page can.

import type { Api } from './api.ts'
import type { TopicInfo } from './contract.ts'

export interface Found {
  readonly topics: readonly TopicInfo[]
  /** There are more that are not shown. */
  readonly more: boolean
}

const LOADED_MAX = 500
const FOUND_MAX = 100

export async function findTopics(api: Api, search: string): Promise<Found> {
  const { topics, next } = await api.topics(LOADED_MAX)
  const matching = topics.filter(({ topic }) => topic.includes(search))
  if (next === undefined) return { topics: matching.slice(0, FOUND_MAX), more: matching.length > FOUND_MAX }
  if (search === '') return { topics: topics.slice(0, FOUND_MAX), more: true }
  // Not all have been looked at: those that begin so lie together.
  const behind = await api.topics(FOUND_MAX, justBefore(search))
  const found = new Map(matching.map((one) => [one.topic, one]))
  for (const one of behind.topics) if (one.topic.startsWith(search)) found.set(one.topic, one)
  return { topics: [...found.values()].slice(0, FOUND_MAX), more: true }
}

/** A name that is before all that begin with this text, and behind what is before them. */
function justBefore(text: string): string {
  const last = text.charCodeAt(text.length - 1)
  return `${text.slice(0, -1)}${String.fromCharCode(last - 1)}~~~~~~~~`
}
