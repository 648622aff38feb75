import test from 'ava'
import { Repeats } from '../../broker/repeats.ts'

function setUp(): { clock: { now: number }; repeats: Repeats; written: string[]; say: (kind: string) => void } {
  const clock = { now: 0 }
  const written: string[] = []
  const repeats = new Repeats(() => clock.now, { burst: 2, whileMs: 1000 })
  let number = 0
  const say = (kind: string): void => {
    const line = `${kind}${++number}`
    repeats.say(kind, (more) => written.push(more > 0 ? `${line} and ${more} more` : line))
  }
  return { clock, repeats, written, say }
}

test('a few of a kind are written at once; of the rest the last one, after a while, and how many there were', (t) => {
  const { clock, repeats, written, say } = setUp()
  for (let i = 0; i < 44; i++) say('x')
  t.deepEqual(written, ['x1', 'x2'])
  clock.now = 999
  repeats.tick()
  t.is(written.length, 2)
  clock.now = 1000
  repeats.tick()
  t.deepEqual(written.slice(2), ['x44 and 41 more'])
})

test('what goes on and on is one line a while; after a rest it is news again', (t) => {
  const { clock, repeats, written, say } = setUp()
  for (; clock.now < 5000; clock.now += 100) {
    repeats.tick()
    say('x')
  }
  t.deepEqual(written, ['x1', 'x2', 'x10 and 7 more', 'x20 and 9 more', 'x30 and 9 more', 'x40 and 9 more'])
  for (const now of [5000, 6000]) {
    clock.now = now
    repeats.tick()
  }
  t.is(written.at(-1), 'x50 and 9 more')
  say('x')
  t.is(written.at(-1), 'x51')
})

test('kinds do not hold up each other; one that comes late, untold of a tick, writes what was held first', (t) => {
  const { clock, written, say } = setUp()
  for (const kind of ['x', 'x', 'x', 'y']) say(kind)
  t.deepEqual(written, ['x1', 'x2', 'y4'])
  clock.now = 2000
  say('x')
  t.deepEqual(written, ['x1', 'x2', 'y4', 'x3'])
})

test('at the end what is held is written', (t) => {
  const { repeats, written, say } = setUp()
  for (let i = 0; i < 4; i++) say('x')
  repeats.flush()
  t.deepEqual(written, ['x1', 'x2', 'x4 and 1 more'])
})

test('kinds beyond the limit are counted together', (t) => {
  const { written, say } = setUp()
  for (let i = 0; i < 1000; i++) say(`k${i} `)
  t.is(written.length, 202)
})
