// Names of topics, and the wildcards that choose among them: `*` stands for one token, `>` for one or more at the end. A
// topic whose name begins with `$` is the system's and is only found when its first token is written out.

import assert from 'node:assert'

export const TOPIC_NAME_BYTES_MAX = 255

/** Answers that a filter remembers: there may be very many filters, and very many topics. */
const KNOWN_MAX = 1024

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const PATTERN = /^(\*|>$|\$?[A-Za-z0-9_-]+)(\.(\*|>$|[A-Za-z0-9_-]+))*$/

export function isSystemTopic(name: string): boolean {
  return name.startsWith('$')
}

/** Why a topic of users cannot have this name; undefined: it can. */
export function topicNameFault(name: string): string | undefined {
  if (name.length > TOPIC_NAME_BYTES_MAX) return `a topic name has at most ${TOPIC_NAME_BYTES_MAX} bytes`
  if (isSystemTopic(name)) return "topics beginning with $ are the system's"
  if (!NAME.test(name)) return 'a topic name is tokens of letters, digits, - and _, separated by dots'
  return undefined
}

/** Why this is no pattern to subscribe to; undefined: it is one. A plain name, also the system's, is one. */
export function patternFault(pattern: string): string | undefined {
  if (pattern.length > TOPIC_NAME_BYTES_MAX) return `a topic pattern has at most ${TOPIC_NAME_BYTES_MAX} bytes`
  if (!PATTERN.test(pattern)) return 'a topic pattern is a topic name in which a token may be *, and the last one >'
  return undefined
}

export function matches(pattern: string, name: string): boolean {
  return tokensMatch(pattern.split('.'), name)
}

/**
 * What one reader wants, and which losses it was told of: one filter a reader, whose place in the order never goes back.
 */
export class TopicFilter {
  /** The names, when no pattern has a wildcard: then nothing needs to be searched. */
  readonly names: readonly string[] | undefined
  /** Where `State.read` keeps what it has told this reader. */
  readonly told: Told = { by: undefined, losses: 0, through: 0 }
  private readonly plain: ReadonlySet<string>
  private readonly wild: readonly (readonly string[])[]
  private known: Map<string, boolean> | undefined

  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) assert(patternFault(pattern) === undefined, `not a pattern: ${pattern}`)
    this.plain = new Set(patterns.filter((pattern) => !isWild(pattern)))
    this.wild = patterns.filter(isWild).map((pattern) => pattern.split('.'))
    this.names = this.wild.length === 0 ? [...this.plain] : undefined
  }

  matches(name: string): boolean {
    if (this.names !== undefined) return this.plain.has(name)
    this.known ??= new Map()
    let known = this.known.get(name)
    if (known === undefined) {
      known = this.plain.has(name) || this.wild.some((tokens) => tokensMatch(tokens, name))
      // Forgetting everything at once is crude, but it is rare, and remembering is never needed.
      if (this.known.size === KNOWN_MAX) this.known.clear()
      this.known.set(name, known)
    }
    return known
  }
}

export interface Told {
  /** The state that the counts are of: another one, restored, counts anew. */
  by: object | undefined
  /** Losses counted by that state which were looked at. */
  losses: number
  /** End of the last gap told of. */
  through: number
}

function isWild(pattern: string): boolean {
  return pattern.includes('*') || pattern.endsWith('>')
}

/** Walks the name in place: no list of its tokens is made. */
function tokensMatch(pattern: readonly string[], name: string): boolean {
  if (isSystemTopic(name) && (pattern[0] === '*' || pattern[0] === '>')) return false
  let at = 0
  for (const token of pattern) {
    if (at > name.length) return false
    if (token === '>') return true
    const dot = name.indexOf('.', at)
    const end = dot < 0 ? name.length : dot
    if (token !== '*' && !(token.length === end - at && name.startsWith(token, at))) return false
    at = end + 1
  }
  return at > name.length
}
