// The regular expressions of schemas, made so that they cannot stop a replica before they even run.
//
// Two things take time. Matching can be interrupted, so it is left to the watchdog, and here is only told from what a
// pattern says how many steps it takes at most. Preparing cannot: V8 parses a pattern when it is made and compiles it
// when it is first used, and no time limit ends that. `\p{C}` eight times in a row, forty characters, takes 5 seconds,
// and with a few alternatives it takes minutes. So patterns are limited in length, and they are rewritten.
//
// Why that helps: to search a text for a pattern, to look for the border of a word and to run a lazy `[^]*?`, V8 (as of
// Node.js 24) works out which characters can come within the next eight, and follows each alternative to each
// alternative behind it. A class that reaches beyond the first 65,536 characters counts as several. Nothing else that
// it does multiplies. So what is made here never searches: it is anchored, and begins with a greedy "anything". Borders
// are written out, and what is lazy is made greedy. Whether a pattern matches at all does not depend on that, and
// nothing else is asked of it; only with references back and look-around together it does, and those are refused.

export interface PatternLimits {
  /** Characters of one pattern. What V8 makes of long ones grows faster than they do. */
  readonly patternCharsMax: number
  /** Characters of all patterns of a schema. */
  readonly patternCharsTotalMax: number
}

/** A set such as `\p{Letter}` has hundreds of ranges, and a border is written out: each counts as so many characters. */
const ESCAPE_CHARS = 100

/** Makes the patterns of one schema, each once. */
export class Patterns {
  private readonly limits: PatternLimits
  private readonly made = new Map<string, RegExp>()
  private chars = 0

  constructor(limits: PatternLimits) {
    this.limits = limits
  }

  /** Throws a sentence when the pattern is none, or too much. */
  make(source: string): RegExp {
    const known = this.made.get(source)
    if (known !== undefined) return known
    const { patternCharsMax, patternCharsTotalMax } = this.limits
    const chars = source.length + ESCAPE_CHARS * (source.match(/\\[pPbB]/g)?.length ?? 0)
    this.chars += chars
    const counted = `(\\p and \\b count as ${ESCAPE_CHARS})`
    if (chars > patternCharsMax) {
      throw new Error(`a pattern of ${chars} characters ${counted}; the limit is patternCharsMax = ${patternCharsMax}`)
    }
    if (this.chars > patternCharsTotalMax) {
      throw new Error(
        `the patterns have more than patternCharsTotalMax = ${patternCharsTotalMax} characters together ${counted}`,
      )
    }
    new RegExp(source, 'u') // Its errors should show the pattern as it was written.
    const pattern = new RegExp(rewritten(source), 'u')
    this.made.set(source, pattern)
    return pattern
  }
}

const BORDER = '(?:(?<=\\w)(?!\\w)|(?<!\\w)(?=\\w))'
const NO_BORDER = '(?:(?<=\\w)(?=\\w)|(?<!\\w)(?!\\w))'
/** What is escaped, a class, or a lazy quantifier: so that nothing is taken for one that is part of another. */
const TOKEN = /\\(?:[upP]\{[^}]*\}|.)|\[(?:\\.|[^\]\\])*\]|([*+?]|\{\d+(?:,\d*)?\})\?/gsu

function rewritten(source: string): string {
  let lazy = false
  let back = false
  const body = source.replace(TOKEN, (token: string, quantifier: string | undefined) => {
    if (token === '\\b') return BORDER
    if (token === '\\B') return NO_BORDER
    if (/^\\[1-9k]/.test(token)) back = true
    if (quantifier !== undefined) lazy = true
    return quantifier ?? token
  })
  if (lazy && back && /\(\?<?[=!]/.test(source)) {
    throw new Error('a lazy quantifier, a reference back and look-around in one pattern are not offered')
  }
  return isAnchored(body) ? body : `^[^]*(?:${body})`
}

/** An alternative might begin elsewhere. */
function isAnchored(source: string): boolean {
  return source.startsWith('^') && !source.includes('|')
}

/**
 * One character, or one of a few, and how often. No group, no look-around, no reference, no set. Each text can be read in
 * one way only, or this would be what it guards against: the `^` of a class is one of its characters here.
 */
const PIECE =
  /(?:\\[dDwWsStnrfv^$\\.*+?()[\]{}|/-]|\[(?:\\[dDwWsStnrfv^$\\.*+?()[\]{}|/-]|[^\\\][])*\]|[^\\^$*+?()[\]{}|])([*+?]|\{(\d+)(?:(,)(\d*))?\})?/gu
const SIMPLE = new RegExp(`^\\^?(?:${PIECE.source})*\\$?$`, 'u')

/**
 * How many steps for each character of the text it can take to match a simple pattern, at most; of one that is not
 * simple, or takes more than so many for each character, no number.
 *
 * To try a sequence of pieces takes, for each of the ways to share the text among all but the last of them, as many
 * steps as they are long. A text of n characters can be begun at in n places, when the pattern is not anchored; when it
 * is, there are n ways to choose the length of the one piece that varies most. All else is in the pattern.
 */
export function stepsPerCharacter(source: string): number {
  if (!SIMPLE.test(source)) return Number.POSITIVE_INFINITY
  const pieces = [...source.matchAll(PIECE)].map(([, quantifier, least, comma, most]) => {
    if (quantifier === undefined) return { length: 1, ways: 1 }
    if (quantifier === '?') return { length: 1, ways: 2 }
    if (least === undefined || (comma === ',' && most === '')) return { length: 1, ways: Number.POSITIVE_INFINITY }
    const length = Number(comma === ',' ? most : least)
    return { length, ways: length - Number(least) + 1 }
  })
  pieces.sort((a, b) => b.ways - a.ways)
  if (isAnchored(source)) pieces.shift()
  const length = pieces.reduce((sum, piece) => sum + piece.length, 2)
  return pieces.reduce((product, { ways }) => product * ways, length)
}
