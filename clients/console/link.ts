// Where a watch is, as the fragment of an address: opening the link goes on exactly there, at any replica. Pure.

export const LEVELS = ['fifo', 'causal', 'agreed', 'safe'] as const
export type Level = (typeof LEVELS)[number]

export interface WatchPlace {
  /** Names and wildcards. */
  readonly topics: readonly string[]
  readonly order: Level
  /** `now`, `start`, a place, a time, or a resume token. */
  readonly from: string
}

export function fragmentOf({ topics, order, from }: WatchPlace): string {
  return `#watch=${topics.map(encodeURIComponent).join(',')}&order=${order}&from=${encodeURIComponent(from)}`
}

/** Undefined: it says nothing of a watch. */
export function placeIn(fragment: string): WatchPlace | undefined {
  const given = new URLSearchParams(fragment.replace(/^#/, ''))
  const topics = topicsIn(given.get('watch') ?? '')
  if (topics.length === 0) return undefined
  const order = LEVELS.find((level) => level === given.get('order')) ?? 'safe'
  return { topics, order, from: given.get('from') || 'now' }
}

export function topicsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((topic) => topic !== '')
}
