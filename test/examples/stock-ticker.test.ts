// The ticker as a user would run it, while the replica that it is attached to is killed; and what it shows.

import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import { type Price, readPrices } from '../../clients/examples/records.ts'
import { StockBoard } from '../../clients/examples/stock-board.ts'
import { Group } from '../clients/group.ts'
import { Program, testWith } from '../foreign/program.ts'
import { startGroup } from '../group-of-processes.ts'
import { natsTest } from '../nats-server.ts'

const TICKER = fileURLToPath(new URL('../../clients/examples/stock-ticker.ts', import.meta.url))
const prices: Price[] = readPrices().map(({ data }) => data)

/** Of a line: what was published. */
const readLine = (line: string): Price => {
  const [date, symbol, price] = line.split(/ +/) as [string, string, string]
  return { symbol, date, price: Number(price) }
}

natsTest('its replica is killed: each price is shown once and in order, at another replica', async (t) => {
  const group = await startGroup(t, [])
  const victim = group.replicas[1]!
  const ticker = new Program(t, process.execPath, [TICKER, '--replicas', victim.url, '--rate', '300', '--count', '600'])
  await ticker.until('a hundred prices', () => ticker.lines.length >= 100)
  await victim.kill()
  t.true(ticker.lines.length < 560, 'it was killed too late')
  t.is(await ticker.ended(), 0, ticker.stderr)
  // After 560 prices the data begin again.
  t.deepEqual(ticker.lines.map(readLine), [...prices, ...prices.slice(0, 40)])
  t.regex(ticker.stderr, /^attached to b, view \d+: a, b, c$/m)
  t.regex(ticker.stderr, new RegExp(`^${victim.url}: `, 'm'))
  t.regex(ticker.stderr, /^attached to [ac], view \d+: a, c$/m)
})

test('one publishes, one watches; one that is stopped ends', async (t) => {
  const group = await Group.start(t)
  const [one, two] = group.urls as [string, string]
  const watcher = new Program(t, process.execPath, [TICKER, '--watch', '--replicas', two])
  await watcher.until('being attached', () => watcher.stderr.includes('attached to b'))
  const ticker = new Program(t, process.execPath, [TICKER, '--replicas', one, '--rate', '500', '--count', '50'])
  t.is(await ticker.ended(), 0, ticker.stderr)
  await watcher.until('all prices', () => watcher.lines.length >= 50)
  t.deepEqual(watcher.lines, ticker.lines)
  watcher.signal('SIGTERM')
  t.is(await watcher.ended(), 0)
})

testWith('script')(
  'on a terminal: a table that is drawn again in its place, with the last price of each',
  async (t) => {
    const group = await Group.start(t, 1)
    const command = `${process.execPath} ${TICKER} --replicas ${group.urls[0]} --rate 500 --count 200`
    const ticker = new Program(t, 'script', ['-qec', command, '/dev/null'])
    t.is(await ticker.ended(), 0, ticker.stdout)
    const goesUp = ticker.stdout.split('\x1b[').filter((text) => /^\d+A/.test(text))
    t.true(goesUp.length > 0)
    const board = new StockBoard()
    for (const price of prices.slice(0, 200)) board.take(price)
    const text = stripVTControlCharacters(ticker.stdout).replaceAll('\r', '')
    const last = text.slice(text.lastIndexOf('stock '))
    t.is(last.split('\n\n')[0], board.table().join('\n'))
    t.regex(last, /\n200 prices; attached to a, view 1: a\n$/)
  },
)

test('the board: change since the price before, and since the first', (t) => {
  const painted: number[] = []
  const board = new StockBoard((change, text) => {
    painted.push(change)
    return text
  })
  t.is(board.take({ symbol: 'IBM', date: '2000-01-01', price: 100 }), '2000-01-01  IBM     100.00    +0.00')
  t.is(board.take({ symbol: 'AAPL', date: '2000-01-01', price: 20 }), '2000-01-01  AAPL     20.00    +0.00')
  t.is(board.take({ symbol: 'IBM', date: '2000-02-01', price: 80 }), '2000-02-01  IBM      80.00   -20.00')
  t.is(board.take({ symbol: 'IBM', date: '2000-03-01', price: 110.5 }), '2000-03-01  IBM     110.50   +30.50')
  t.deepEqual(board.table().slice(1), [
    'AAPL      20.00    +0.00      +0.00 %  2000-01-01',
    'IBM      110.50   +30.50     +10.50 %  2000-03-01',
  ])
  t.deepEqual(painted, [0, 30.5])
})

test('called wrongly: a sentence and exit code 2; nobody there: a sentence and 1; --help', async (t) => {
  const run = async (...args: string[]): Promise<[number | null, string]> => {
    const program = new Program(t, process.execPath, [TICKER, ...args])
    const code = await program.ended()
    return [code, program.stdout + program.stderr]
  }
  const [help, wrong, address, nobody] = await Promise.all([
    run('--help'),
    run('--rate', 'fast'),
    run('--replicas', 'nowhere'),
    run('--replicas', 'http://127.0.0.1:1'),
  ])
  t.is(help[0], 0)
  t.regex(help[1], /--watch/)
  t.deepEqual(wrong, [2, '--rate takes a whole number from 1 to 999999, and was given "fast"\n'])
  t.is(address[0], 2)
  t.deepEqual(nobody, [1, 'No replica is of use: http://127.0.0.1:1 cannot be reached.\n'])
})
