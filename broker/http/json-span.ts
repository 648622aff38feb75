// Finds where things are in a JSON text, as places of bytes, so that data can be cut out of a request as it came in:
// parsing and writing it again would change numbers (1.0, 12345678901234567890), spaces and the spelling of strings.
// All but `depthOf` expect text that is known to be valid JSON. Each looks at every byte once and calls nothing within
// itself, so text made to harm costs no more than other text.

import assert from 'node:assert/strict'

export interface Span {
  readonly start: number
  /** The first byte that is not part of it. */
  readonly end: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** The deepest nesting of arrays and objects in a text, valid or not. */
export function depthOf(text: Uint8Array, span: Span = { start: 0, end: text.length }): number {
  let depth = 0
  let deepest = 0
  let at = span.start
  while (at < span.end) {
    const byte = text[at]
    if (byte === QUOTE) {
      at = afterString(text, at, span.end)
      continue
    }
    if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth)
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--
    at++
  }
  return deepest
}

/** A text without the white space around it. */
export function trimmed(text: Uint8Array, span: Span = { start: 0, end: text.length }): Span {
  let { start, end } = span
  while (start < end && isSpace(text[start])) start++
  while (end > start && isSpace(text[end - 1])) end--
  return { start, end }
}

/** The value of the object's member of this name; of several, the last, as `JSON.parse` has it. */
export function memberSpan(text: Uint8Array, name: string, object: Span = trimmed(text)): Span | undefined {
  assert(text[object.start] === OPEN_OBJECT)
  let found: Span | undefined
  let at = afterSpace(text, object.start + 1)
  while (text[at] === QUOTE) {
    const keyEnd = afterString(text, at, object.end)
    const matches = JSON.parse(Buffer.from(text.subarray(at, keyEnd)).toString()) === name
    at = afterSpace(text, keyEnd)
    assert(text[at] === COLON)
    const start = afterSpace(text, at + 1)
    const end = afterValue(text, start, object.end)
    if (matches) found = { start, end }
    at = afterSpace(text, end)
    if (text[at] === COMMA) at = afterSpace(text, at + 1)
  }
  assert(text[at] === CLOSE_OBJECT)
  return found
}

/** The elements of an array, in order. */
export function elementSpans(text: Uint8Array, array: Span = trimmed(text)): Span[] {
  assert(text[array.start] === OPEN_ARRAY)
  const spans: Span[] = []
  let at = afterSpace(text, array.start + 1)
  while (text[at] !== CLOSE_ARRAY) {
    const end = afterValue(text, at, array.end)
    spans.push({ start: at, end })
    at = afterSpace(text, end)
    if (text[at] === COMMA) at = afterSpace(text, at + 1)
  }
  return spans
}

/** The lines that are not blank, without the white space around them, and their numbers, from 1. */
export function lineSpans(text: Uint8Array): { readonly line: number; readonly span: Span }[] {
  const lines: { line: number; span: Span }[] = []
  for (let line = 1, start = 0; start < text.length; line++) {
    const newline = text.indexOf(0x0a, start)
    const end = newline === -1 ? text.length : newline
    const span = trimmed(text, { start, end })
    if (span.start < span.end) lines.push({ line, span })
    start = end + 1
  }
  return lines
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function afterSpace(text: Uint8Array, at: number): number {
  while (isSpace(text[at])) at++
  return at
}

function afterString(text: Uint8Array, quote: number, end: number): number {
  let at = quote + 1
  while (at < end && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
  return Math.min(at + 1, end)
}

function afterValue(text: Uint8Array, start: number, end: number): number {
  if (text[start] === QUOTE) return afterString(text, start, end)
  let depth = 0
  let at = start
  while (at < end) {
    const byte = text[at]
    if (byte === QUOTE) {
      at = afterString(text, at, end)
      continue
    }
    if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth++
    else if (depth === 0 && (byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || isSpace(byte)))
      return at
    else if ((byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) && --depth === 0) return at + 1
    at++
  }
  return at
}
