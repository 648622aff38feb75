import test from 'ava'
import { Ledger, Published } from '../../../broker/cli/bench/ledger.ts'

const FINE = { lost: 0, twice: 0, outOfOrder: 0, refusedAndCame: 0, strange: 0 }

/** Publishers that have sent so many, and a ledger that was given these: publisher and number, at growing places. */
function ledgerOf(sent: readonly number[], came: readonly (readonly [number, number])[]): Ledger {
  const publishers = sent.map((count) => {
    const published = new Published()
    published.sent = count
    return published
  })
  const ledger = new Ledger(publishers)
  for (const [i, [publisher, n]] of came.entries()) ledger.take(publisher, n, i + 1)
  return ledger
}

test('everything once and in order, publishers interleaved: nothing to complain of', (t) => {
  const ledger = ledgerOf([3, 2], [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2]]) // biome-ignore format: a line
  t.deepEqual(ledger.findings(), FINE)
  t.true(ledger.complete)
  t.is(ledger.received, 5)
})

for (const [what, came, findings] of [
  [
    'one in the middle is missing',
    [
      [0, 0],
      [0, 2],
      [0, 3],
    ],
    { ...FINE, lost: 1 },
  ],
  [
    'the last ones are missing',
    [
      [0, 0],
      [0, 1],
    ],
    { ...FINE, lost: 2 },
  ],
  ['nothing came', [], { ...FINE, lost: 4 }],
  [
    'one comes again at once',
    [
      [0, 0],
      [0, 0],
      [0, 1],
      [0, 2],
      [0, 3],
    ],
    { ...FINE, twice: 1 },
  ],
  [
    'one comes again much later',
    [
      [0, 0],
      [0, 1],
      [0, 2],
      [0, 3],
      [0, 1],
    ],
    { ...FINE, twice: 1 },
  ],
  [
    'two have changed places',
    [
      [0, 1],
      [0, 0],
      [0, 2],
      [0, 3],
    ],
    { ...FINE, outOfOrder: 1 },
  ],
  [
    'a late one comes twice',
    [
      [0, 1],
      [0, 0],
      [0, 0],
      [0, 2],
      [0, 3],
    ],
    { ...FINE, outOfOrder: 1, twice: 1 },
  ],
  [
    'events of others',
    [
      [0, 0],
      [0, 1],
      [7, 0],
      [0, 9],
      [-1, -1],
      [0, 2],
      [0, 3],
    ],
    { ...FINE, strange: 3 },
  ],
] as const) /* biome-ignore format: a line each */ {
  test(`${what}: it is said`, (t) => {
    const ledger = ledgerOf([4], came)
    t.deepEqual(ledger.findings(), findings)
    t.is(ledger.complete, findings.lost === 0)
  })
}

test('a place that goes back: out of order, though the numbers grow', (t) => {
  const ledger = ledgerOf([2], [])
  ledger.take(0, 0, 10)
  ledger.take(0, 1, 9)
  t.deepEqual(ledger.findings(), { ...FINE, outOfOrder: 1 })
})

test('what failed: need not come; what was refused must not, what may be in may', (t) => {
  const published = new Published()
  published.sent = 5
  published.acknowledged = 2
  const ledger = new Ledger([published])
  published.failures.push({ n: 1, mayBeIn: false }, { n: 2, mayBeIn: true }, { n: 4, mayBeIn: true })
  t.true(published.settled)
  for (const [seq, n] of [0, 2, 3].entries()) ledger.take(0, n, seq + 1)
  t.deepEqual(ledger.findings(), FINE)
  ledger.take(0, 1, 9)
  t.like(ledger.findings(), { refusedAndCame: 1, outOfOrder: 1, lost: 0 })
})

test('two subscribers: agree when they were given the same in the same order', (t) => {
  const came = [[0, 0], [1, 0], [0, 1]] as const // biome-ignore format: a line
  const one = ledgerOf([2, 1], came)
  t.true(one.agreesWith(ledgerOf([2, 1], came)))
  t.false(one.agreesWith(ledgerOf([2, 1], [[1, 0], [0, 0], [0, 1]]))) // biome-ignore format: a line
  t.false(one.agreesWith(ledgerOf([2, 1], came.slice(0, 2))))
})
