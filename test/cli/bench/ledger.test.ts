import test from 'ava'
import { Ledger, Published } from '../../../broker/cli/bench/ledger.ts'

const FINE = { lost: 0, twice: 0, outOfOrder: 0, unsettled: 0, refusedAndCame: 0, strange: 0 }

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

/** Of one publisher, that has sent so many. */
function early(sent: number, inOrder: boolean): Ledger {
  const published = new Published()
  published.sent = sent
  return new Ledger([published], inOrder)
}

test('shown, then kept: it has come when it is shown, and everything has when all are kept', (t) => {
  const ledger = early(3, true)
  ledger.take(0, 0, 1)
  ledger.show('b', 0, 1, 7)
  ledger.show('c', 0, 2, 8)
  t.deepEqual(ledger.findings(), { ...FINE, unsettled: 2 })
  t.false(ledger.complete)
  t.is(ledger.keep('b', 2), 7)
  t.is(ledger.keep('c', 3), 8)
  t.is(ledger.keep('c', 3), undefined)
  t.deepEqual(ledger.findings(), FINE)
  t.true(ledger.complete)
  t.true(ledger.agreesWith(ledgerOf([3], [[0, 0], [0, 1], [0, 2]]))) // biome-ignore format: a line
})

test('taken back: it has not come; it may come again, with or without a place, and is in order then', (t) => {
  const ledger = early(4, false)
  for (const [n, ref] of ['a', 'b', 'c', 'd'].entries()) ledger.show(ref, 0, n, 1)
  for (const ref of ['b', 'd', 'c']) ledger.takeBack(ref)
  t.deepEqual(ledger.findings(), { ...FINE, lost: 3, unsettled: 1 })
  t.is(ledger.received, 1)
  ledger.show('b', 0, 1, 1)
  ledger.keep('a', 1)
  ledger.keep('b', 2)
  ledger.take(0, 2, 3)
  ledger.take(0, 3, 4)
  t.deepEqual(ledger.findings(), FINE)
  t.is(ledger.takenBack, 3)
})

test('taken back while another copy of what follows is shown: it may come behind that, and only once', (t) => {
  const ledger = early(3, false)
  for (const [n, ref] of ['a', 'b', 'c'].entries()) ledger.show(ref, 0, n, 1)
  ledger.takeBack('b')
  ledger.keep('a', 1)
  ledger.take(0, 1, 2)
  ledger.keep('c', 3)
  t.deepEqual(ledger.findings(), FINE)
  ledger.take(0, 1, 4)
  t.deepEqual(ledger.findings(), { ...FINE, twice: 1 })
})

test('taken back, all of them, and shown again in another order: it is said', (t) => {
  const ledger = early(2, false)
  for (let time = 0; time < 2; time++) {
    ledger.show('a', 0, 0, 1)
    ledger.show('b', 0, 1, 1)
    ledger.takeBack('a')
    ledger.takeBack('b')
  }
  t.deepEqual(ledger.findings(), { ...FINE, lost: 2 })
  ledger.show('b', 0, 1, 1)
  ledger.show('a', 0, 0, 1)
  t.deepEqual(ledger.findings(), { ...FINE, outOfOrder: 1, unsettled: 2 })
})

for (const inOrder of [true, false])
  test(`${inOrder ? 'agreed: kept in another order than shown, or given before what was shown: it is said' : 'fifo, causal: publishers may be kept in another order than shown'}`, (t) => {
    const two = [new Published(), new Published()]
    for (const published of two) published.sent = 2
    const ledger = new Ledger(two, inOrder)
    ledger.show('a', 0, 0, 1)
    ledger.show('b', 1, 0, 1)
    ledger.keep('b', 1)
    ledger.take(1, 1, 2)
    ledger.keep('a', 3)
    ledger.take(0, 1, 4)
    t.deepEqual(ledger.findings(), { ...FINE, outOfOrder: inOrder ? 2 : 0 })
  })
