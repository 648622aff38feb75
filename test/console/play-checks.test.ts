// The checks of play: silent while all is right, whatever happens to replicas, and each of them can fail.

import test from 'ava'
import { type CheckId, Checks, type Item } from '../../clients/console/play/checks.ts'

const event = (seq: number, offset: number, by: string, n: number): Item => ({ kind: 'event', seq, offset, by, n })
const view = (seq: number, number: number, ...members: string[]): Item => ({ kind: 'view', seq, number, members })

/** Two publishers, and a view between their events. */
const ORDER: readonly Item[] = [
  event(2, 1, 'p', 1),
  event(3, 2, 'q', 1),
  event(4, 3, 'p', 2),
  view(5, 2, 'a', 'b'),
  event(6, 4, 'p', 3),
  event(7, 5, 'q', 2),
]

function show(checks: Checks, name: string, items: readonly Item[]): void {
  for (const item of items) checks.shown(name, item)
}

function broken(checks: Checks): Partial<Record<CheckId, string>> {
  return Object.fromEntries(checks.results().flatMap(({ id, broken }) => (broken === undefined ? [] : [[id, broken]])))
}

function counts(checks: Checks): Record<string, number> {
  return Object.fromEntries(checks.results().map(({ id, checked }) => [id, checked]))
}

test('all is as it should be, at each its own pace: everything is counted, nothing is broken', (t) => {
  const checks = new Checks(['a', 'b', 'c'])
  show(checks, 'a', ORDER.slice(0, 2))
  show(checks, 'b', ORDER)
  checks.acknowledged({ by: 'p', n: 1, seq: 2, offset: 1 })
  checks.killed('b')
  show(checks, 'a', ORDER.slice(2))
  checks.acknowledged({ by: 'q', n: 3, seq: 8, offset: 6 }) // Nobody has shown it yet.
  checks.acknowledged({ by: 'p', n: 3, seq: null, offset: null }) // A retry whose place is forgotten.
  t.is(checks.waiting, 1)
  show(checks, 'c', ORDER)
  checks.restarted('b')
  for (const name of ['b', 'a', 'c']) show(checks, name, [event(8, 6, 'q', 3)])
  checks.inState('a', 8, 'cafe')
  checks.inState('b', 8, 'cafe')
  checks.cut = true
  checks.acknowledged({ by: 'p', n: 2, seq: 4, offset: 3 })
  t.deepEqual(broken(checks), {})
  t.is(checks.waiting, 0)
  // Six events and a view, of which one reader is the first to show each; the others are compared with it.
  t.deepEqual(counts(checks), {
    views: 2,
    order: 12,
    uniform: 7,
    once: 18,
    acknowledged: 4,
    gapless: 18,
    state: 1,
    primary: 1,
  })
})

test('readers at the same place have the same digest of their order, and another one after another order', (t) => {
  const long = Array.from({ length: 25 }, (_, i) => event(i + 1, i + 1, 'p', i + 1))
  const other = long.with(3, event(4, 4, 'q', 1))
  const checks = new Checks(['a', 'b', 'c'])
  show(checks, 'a', long)
  show(checks, 'b', long.slice(0, 21))
  show(checks, 'c', other)
  const [a, b, c] = checks.digests()
  t.deepEqual([a!.digestAt, b!.digestAt, c!.digestAt], [20, 20, 20])
  t.is(a!.digest, b!.digest)
  t.not(c!.digest, a!.digest)
})

test('a reader that is far behind is compared where places are remembered, with all that it has shown before', (t) => {
  const long = (of: string): Item[] => Array.from({ length: 30_000 }, (_, i) => event(i + 1, i + 1, of, i + 1))
  const right = new Checks(['a', 'b'])
  show(right, 'a', long('p'))
  show(right, 'b', long('p'))
  t.deepEqual(broken(right), {})
  t.is(counts(right)['order'], 20_000)
  const wrong = new Checks(['a', 'b'])
  show(wrong, 'a', long('p'))
  show(wrong, 'b', long('p').with(7, event(8, 8, 'q', 1)))
  t.deepEqual(Object.keys(broken(wrong)), ['order', 'gapless'])
})

interface Wrong {
  readonly what: string
  readonly check: CheckId
  readonly why: RegExp
  readonly happens: (checks: Checks) => void
}

const WRONG: readonly Wrong[] = [
  {
    what: 'another view at one replica',
    check: 'views',
    why: /b shows view 2 of b at 5 where a showed view 2 of a b at 5/,
    happens: (checks) => {
      show(checks, 'a', ORDER)
      show(checks, 'b', ORDER.with(3, view(5, 2, 'b')))
    },
  },
  {
    what: 'an event before a view at one, and after it at another',
    check: 'views',
    why: /b shows view 2 .* where a showed event 2 of p/,
    happens: (checks) => {
      show(checks, 'a', ORDER.slice(0, 4))
      show(checks, 'b', [...ORDER.slice(0, 2), view(4, 2, 'a', 'b')])
    },
  },
  {
    what: 'two events in another order',
    check: 'order',
    why: /c shows event 1 of q at 2, offset 1 where a showed event 1 of p/,
    happens: (checks) => {
      show(checks, 'a', ORDER.slice(0, 2))
      show(checks, 'c', [event(2, 1, 'q', 1), event(3, 2, 'p', 1)])
    },
  },
  {
    what: 'a place that is not after the one before',
    check: 'order',
    why: /a shows event 2 of p at 3, offset 2 after the place 3/,
    happens: (checks) => show(checks, 'a', [event(3, 1, 'p', 1), event(3, 2, 'p', 2)]),
  },
  {
    what: 'an event that only the killed replica has shown',
    check: 'uniform',
    why: /c shows event 3 of p at 4.* where b, since killed, showed event 2 of p/,
    happens: (checks) => {
      show(checks, 'b', ORDER.slice(0, 3))
      checks.killed('b')
      show(checks, 'c', [...ORDER.slice(0, 2), event(4, 3, 'p', 3)])
    },
  },
  {
    what: 'an event that comes twice, at places of its own',
    check: 'once',
    why: /at a event 1 of p comes after 1/,
    happens: (checks) => show(checks, 'a', [event(2, 1, 'p', 1), event(3, 2, 'p', 1)]),
  },
  {
    what: "a publisher's events out of its order",
    check: 'once',
    why: /at a event 1 of p comes after 2/,
    happens: (checks) => show(checks, 'a', [event(2, 1, 'p', 2), event(3, 2, 'p', 1)]),
  },
  {
    what: 'an acknowledged event that is nowhere',
    check: 'acknowledged',
    why: /event 3 of p was to be at 5, offset 4; there is nothing/,
    happens: (checks) => {
      checks.acknowledged({ by: 'p', n: 3, seq: 5, offset: 4 })
      show(checks, 'a', [event(4, 3, 'p', 2), event(6, 4, 'q', 2)])
    },
  },
  {
    what: 'another event in the place of an acknowledged one',
    check: 'acknowledged',
    why: /event 1 of p was to be at 2, offset 1; there is event 1 of q/,
    happens: (checks) => {
      show(checks, 'a', [event(2, 1, 'q', 1)])
      checks.acknowledged({ by: 'p', n: 1, seq: 2, offset: 1 })
    },
  },
  {
    what: 'another offset than was told',
    check: 'acknowledged',
    why: /event 1 of p was to be at 2, offset 2; there is event 1 of p at 2, offset 1/,
    happens: (checks) => {
      show(checks, 'a', ORDER)
      checks.acknowledged({ by: 'p', n: 1, seq: 2, offset: 2 })
    },
  },
  {
    what: 'an offset that is left out',
    check: 'gapless',
    why: /at b the offset 3 follows 1/,
    happens: (checks) => show(checks, 'b', [event(2, 1, 'p', 1), event(4, 3, 'q', 1)]),
  },
  {
    what: 'an event of a publisher that is left out',
    check: 'gapless',
    why: /at b event 3 of p follows 1/,
    happens: (checks) => show(checks, 'b', [event(2, 1, 'p', 1), event(3, 2, 'p', 3)]),
  },
  {
    what: 'another state at the same place',
    check: 'state',
    why: /at 17 c has the state beef, and a cafe/,
    happens: (checks) => {
      checks.inState('a', 17, 'cafe')
      checks.inState('b', 16, 'beef')
      checks.inState('c', 17, 'beef')
    },
  },
  {
    what: 'one place, told to two publishers',
    check: 'primary',
    why: /event 4 of p and event 2 of q were both told the place 9/,
    happens: (checks) => {
      checks.acknowledged({ by: 'p', n: 4, seq: 9, offset: 6 })
      checks.acknowledged({ by: 'q', n: 2, seq: 9, offset: 6 })
    },
  },
]

for (const { what, check, why, happens } of WRONG) {
  test(`found: ${what}`, (t) => {
    const checks = new Checks(['a', 'b', 'c'])
    happens(checks)
    t.regex(broken(checks)[check] ?? 'nothing was found', why)
  })
}

test('what was wrong first is kept', (t) => {
  const checks = new Checks(['a', 'b'])
  checks.inState('a', 1, 'x')
  checks.inState('b', 1, 'y')
  checks.inState('a', 2, 'x')
  checks.inState('b', 2, 'z')
  t.regex(broken(checks).state ?? '', /^at 1 /)
})
