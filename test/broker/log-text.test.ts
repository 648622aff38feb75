import test from 'ava'
import { createLog, type LogOptions } from '../../broker/log.ts'
import { logText } from '../../broker/log-text.ts'

const LINE = { level: 'warn', time: new Date(2026, 0, 31, 9, 5, 7, 42).toISOString(), replica: 'a' }

function written(terminal: { isTTY?: boolean; colours?: boolean }, options: LogOptions = {}): string {
  process.env['NO_COLOR'] = terminal.colours === true ? '' : '1'
  let text = ''
  const output = {
    write: (piece: string) => {
      text += piece
    },
    isTTY: terminal.isTTY === true,
  }
  createLog('info', 'a', { output, ...options }).warn({ member: 'b' }, 'member suspected')
  return text
}

test('a line for people: time, level, replica, what happened, and the fields that say something', (t) => {
  const line = { ...LINE, msg: 'view installed', view: 3, members: ['a', 'b'], joined: [], why: ['c silent'], x: null }
  t.is(logText(line, false), '09:05:07.042 warn  a  view installed  view=3 members=a,b why="c silent"\n')
})

test('what the message has in words is not said twice', (t) => {
  const line = { ...LINE, msg: 'ready name=a view=1 listen=http://x:1', name: 'a', view: 1, listen: 'http://x:1' }
  t.is(logText(line, false), '09:05:07.042 warn  a  ready name=a view=1 listen=http://x:1\n')
})

test('many of a kind: how many more there were', (t) => {
  t.is(logText({ ...LINE, msg: 'x', more: 41 }, false), '09:05:07.042 warn  a  x  (and 41 more)\n')
})

test('what strangers can write neither breaks the line nor moves the cursor', (t) => {
  const evil = 'a\n\u001b[2J\u009b1m"x"=\u007f'
  const text = logText({ ...LINE, replica: evil, msg: evil, why: evil, list: [evil], object: { evil } }, false)
  t.is(text.split('\n').length, 2)
  t.notRegex(text.slice(0, -1), /\p{Cc}/u)
  t.true(text.includes(String.raw`why="a\n\u001b[2J\u009b1m\"x\"=\u007f"`), text)
})

test('a bug comes with its stack, indented', (t) => {
  const text = logText({ ...LINE, msg: 'a bug', err: { message: 'no', stack: 'Error: no\n    at x.ts:1' } }, false)
  t.is(text, '09:05:07.042 warn  a  a bug\n    Error: no\n        at x.ts:1\n')
})

test('text on a terminal, JSON elsewhere, unless told otherwise; colours on a terminal alone, if they are wanted', (t) => {
  const json = /^\{"level":"warn","time":"[^"]+Z","replica":"a","member":"b","msg":"member suspected"\}\n$/
  const plain = /^\d\d:\d\d:\d\d\.\d{3} warn {2}a {2}member suspected {2}member=b\n$/
  t.regex(written({}), json)
  t.regex(written({ isTTY: true }), plain)
  t.regex(written({ isTTY: true }, { format: 'json' }), json)
  t.regex(written({ colours: true }, { format: 'text' }), plain)
  t.true(written({ isTTY: true, colours: true }).includes('\u001b[33mwarn \u001b[0m'))
})
