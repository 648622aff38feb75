import test from 'ava'
import fc from 'fast-check'
import { depthOf, elementSpans, lineSpans, memberSpan, type Span } from '../../broker/http/json-span.ts'

function cut(text: Buffer, span: Span | undefined): string | undefined {
  return span && text.toString('utf8', span.start, span.end)
}

/** JSON text of a value with white space wherever it may be. */
function loose(value: unknown, space: string): string {
  if (Array.isArray(value))
    return `[${space}${value.map((item) => loose(item, space)).join(`${space},${space}`)}${space}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}${space}:${space}${loose(item, space)}`,
  )
  return `{${space}${members.join(`${space},${space}`)}${space}}`
}

const spaces = fc.constantFrom('', ' ', '\n', '\r\n\t ')

test('of any object, each member is cut out as it was written', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), spaces, (object, space) => {
      const text = Buffer.from(space + loose(object, space) + space)
      for (const [key, value] of Object.entries(JSON.parse(text.toString()))) {
        t.is(cut(text, memberSpan(text, key)), loose(value, space))
      }
      t.is(memberSpan(text, 'not there at all'), undefined)
    }),
  )
})

test('of any array, each element is cut out as it was written', (t) => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), spaces, (array, space) => {
      const text = Buffer.from(space + loose(array, space) + space)
      const elements = elementSpans(text).map((span) => cut(text, span))
      t.deepEqual(
        elements,
        array.map((value) => loose(value, space)),
      )
    }),
  )
})

test('numbers and strings keep their spelling', (t) => {
  const text = Buffer.from('{"a":1.0,"data":[12345678901234567890, 1E2, "\\u0041\\/\\"}"],"b":-0}')
  t.is(cut(text, memberSpan(text, 'data')), '[12345678901234567890, 1E2, "\\u0041\\/\\"}"]')
  t.is(cut(text, memberSpan(text, 'b')), '-0')
})

test('a member that comes twice, or is spelt with escapes: the one that JSON.parse would give', (t) => {
  const text = Buffer.from('{"data":1,"d\\u0061ta":{"data":3},"x":{"data":4}}')
  t.is(cut(text, memberSpan(text, 'data')), '{"data":3}')
})

test('depth counts arrays and objects, not what is within strings', (t) => {
  const depth = (text: string) => depthOf(Buffer.from(text))
  t.is(depth('1'), 0)
  t.is(depth('"[[[["'), 0)
  t.is(depth('"\\"[["'), 0)
  t.is(depth('{"[":[1,{"a":[]}]}'), 4)
  t.is(depth('['.repeat(100_000)), 100_000)
  t.is(depth('"unfinished'), 0)
  t.is(depth('"\\'), 0)
})

test('lines: blank ones are left out and counted', (t) => {
  const text = Buffer.from('\n{"a":1}\r\n  \r\n\t2 \n\n"x"')
  t.deepEqual(
    lineSpans(text).map(({ line, span }) => [line, cut(text, span)]),
    [
      [2, '{"a":1}'],
      [4, '2'],
      [6, '"x"'],
    ],
  )
  t.deepEqual(lineSpans(Buffer.from('')), [])
})
