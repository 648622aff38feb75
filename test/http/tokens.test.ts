import test from 'ava'
import { formatToken, parseTime, parseToken, readFrom } from '../../broker/http/tokens.ts'

test('a token goes out and comes back the same', (t) => {
  t.deepEqual(parseToken(formatToken('00c0ffee', 42)), { at: 'token', history: '00c0ffee', seq: 42 })
})

test('what is no token is none', (t) => {
  const texts = [
    '',
    ':',
    'a:',
    ':1',
    'a:-1',
    'a:1.5',
    'a:1 ',
    'A:1',
    'a:1:2',
    `a:${2 ** 53}`,
    'a:99999999999999999',
    'a:\n1',
  ]
  for (const text of texts) t.is(parseToken(text), undefined, text)
})

test('from: each way of saying it', (t) => {
  t.deepEqual(readFrom(undefined, undefined), { at: 'now' })
  t.deepEqual(readFrom('now', ''), { at: 'now' })
  t.deepEqual(readFrom('start', undefined), { at: 'start' })
  t.deepEqual(readFrom('17', undefined), { at: 'seq', seq: 17 })
  t.deepEqual(readFrom('cafe:17', undefined), { at: 'token', history: 'cafe', seq: 17 })
  t.deepEqual(readFrom('2026-01-31T12:00:00Z', undefined), { at: 'time', ms: Date.UTC(2026, 0, 31, 12) })
  t.deepEqual(readFrom('2026-01-31T12:00:00.5+02:00', undefined), {
    at: 'time',
    ms: Date.UTC(2026, 0, 31, 10, 0, 0, 500),
  })
})

test('Last-Event-ID goes before from, also when from is none', (t) => {
  t.deepEqual(readFrom('start', 'cafe:3'), { at: 'token', history: 'cafe', seq: 3 })
  t.deepEqual(readFrom('nonsense', 'cafe:3'), { at: 'token', history: 'cafe', seq: 3 })
})

test('a from that cannot be read is refused with what it may be', (t) => {
  for (const from of ['', 'then', '-1', '1.5', '99999999999999999', '2026-01-31', '2026-13-01T00:00:00Z', 'a:b']) {
    const error = t.throws(
      () => readFrom(from, undefined),
      { message: /from cannot be read; it is now, start, / },
      from,
    )
    t.like(error, { code: 'MALFORMED', details: { errors: [{ path: 'from' }] } })
  }
  t.throws(() => readFrom('start', 'x'), { message: /Last-Event-ID/ })
  t.throws(() => readFrom('2026-01-31T12:00:00 02:00', undefined), { message: /%2B/ })
})

test('times: days that are not in the calendar are none', (t) => {
  t.is(parseTime('2026-02-29T00:00:00Z'), undefined)
  t.is(parseTime('2028-02-29T00:00:00Z'), Date.UTC(2028, 1, 29))
  t.is(parseTime('2026-01-01T24:30:00Z'), undefined)
  t.is(parseTime('2026-01-01T00:00:00'), undefined)
})
