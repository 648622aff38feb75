// The simulator itself: that a seed decides everything, that time and the fabric do what the plan says, and that nothing
// is shared between two groups in one process.

import test from 'ava'
import { encode } from '../../broker/group/codec.ts'
import { Agenda } from './agenda.ts'
import { CALM, type Letter, Network, type Port } from './fabric.ts'
import { makeNoise, ofAnotherGroup } from './noise.ts'
import { drawPlan, FAULTS } from './plan.ts'
import { Chance } from './random.ts'
import { simulate } from './simulation.ts'
import { Workload } from './workload.ts'
import { World } from './world.ts'

test('one seed twice: the same run, line by line', (t) => {
  const story = (): string[] => {
    const lines: string[] = []
    simulate(12, { trace: 'all', print: (line) => lines.push(line) })
    return lines
  }
  const first = story()
  t.true(first.length > 1000)
  t.deepEqual(story(), first)
})

test('another seed: another run', (t) => {
  t.not(simulate(1).virtualMs, simulate(2).virtualMs)
})

test('two groups in one process: each runs as if it were alone', (t) => {
  const make = (seed: number): { world: World; lines: string[] } => {
    const lines: string[] = []
    const world = new World({ seed, roster: ['a', 'b', 'c'], trace: 'all', print: (line) => lines.push(line) })
    for (const name of world.roster) world.start(world.addHost(name))
    const options = { publishers: 2, subscribers: 1, everyMs: 20, bursts: 0.1, burstEvents: 10, bytesMax: 50 }
    new Workload(world, {
      ...options,
      largeBytesMax: 500,
      largeShare: 0.03,
      reactions: 0.2,
      patienceMs: 500,
      meddlingMs: 0,
      eventsMax: 100,
    })
    world.agenda.at(1200, () => world.kill(world.process('b')))
    return { world, lines }
  }
  const alone = [31, 32].map((seed) => {
    const { world, lines } = make(seed)
    world.run(4000)
    t.is(world.failure, undefined)
    t.is(world.process('a').view?.number, 2)
    return lines
  })
  const together = [31, 32].map(make)
  for (let ms = 0; ms < 4000; ms += 10) for (const { world } of together) world.run(10)
  t.deepEqual(
    together.map(({ lines }) => lines),
    alone,
  )
})

test('agenda: by time, and in the order of asking within an instant', (t) => {
  const agenda = new Agenda()
  const chance = new Chance(5)
  const done: { at: number; order: number }[] = []
  for (let order = 0; order < 2000; order++) {
    const at = chance.whole(0, 50)
    agenda.at(at, () => done.push({ at, order }))
  }
  while (agenda.step(100)) {}
  const sorted = [...done].sort((a, b) => a.at - b.at || a.order - b.order)
  t.is(done.length, 2000)
  t.deepEqual(done, sorted)
  t.is(agenda.now, 100)
})

test('chance: streams of one seed are apart, and one stream is the same again', (t) => {
  const draw = (chance: Chance): number[] => Array.from({ length: 20 }, () => chance.whole(0, 1e6))
  t.deepEqual(draw(new Chance(9, 'x')), draw(new Chance(9, 'x')))
  t.notDeepEqual(draw(new Chance(9, 'x')), draw(new Chance(9, 'y')))
  t.notDeepEqual(draw(new Chance(9)), draw(new Chance(10)))
  const chance = new Chance(3)
  const mean = Array.from({ length: 20_000 }, () => chance.next()).reduce((sum, value) => sum + value) / 20_000
  t.true(Math.abs(mean - 0.5) < 0.01)
})

function fabric(): { agenda: Agenda; network: Network; ports: (Port & { got: Letter[] })[] } {
  const agenda = new Agenda()
  const network = new Network(agenda, new Chance(1))
  const ports = [0, 1, 2].map((host) => {
    const got: Letter[] = []
    const arrive = (letter: Letter, bytes: Uint8Array): void => {
      bytes.fill(0) // Whatever a receiver does to its copy, the others have theirs.
      got.push(letter)
    }
    const port = { host, name: `h${host}`, address: 10 + host, open: true, got, arrive, sent() {}, linkChanged() {} }
    network.connect(port)
    return port
  })
  return { agenda, network, ports }
}

function datagram(number: number): Uint8Array {
  return encode({ history: 1, view: 1, sender: { name: 'h0', incarnation: 10 }, message: { kind: 'ping', number } })
}

function numbers(letters: readonly Letter[]): number[] {
  return letters.map(({ envelope }) => (envelope?.message.kind === 'ping' ? envelope.message.number : -1))
}

test('fabric: a broadcast reaches everyone else, a letter its address, each its own copy', (t) => {
  const { agenda, network, ports } = fabric()
  const [from, ...others] = ports as [Port & { got: Letter[] }, ...(Port & { got: Letter[] })[]]
  const bytes = datagram(1)
  network.send(from, 'everyone', bytes)
  network.send(from, 12, datagram(2))
  bytes.fill(255) // The sender uses its buffer again: what is under way is not touched.
  while (agenda.step(10)) {}
  t.deepEqual(from.got, [])
  t.deepEqual(
    others.map((port) => numbers(port.got)),
    [[1], [1, 2]],
  )
})

test('fabric: loss, duplication, and order unless the weather has it otherwise', (t) => {
  const { agenda, network, ports } = fabric()
  const [from, to] = ports as [Port & { got: Letter[] }, Port & { got: Letter[] }]
  const send = (weather: Partial<typeof CALM>): number[] => {
    network.weather = { ...CALM, ...weather }
    to.got.length = 0
    for (let i = 0; i < 500; i++) network.send(from, 11, datagram(i))
    while (agenda.step(agenda.now + 1000)) {}
    return numbers(to.got)
  }
  const inOrder = Array.from({ length: 500 }, (_, i) => i)
  t.deepEqual(send({ delaySpread: 20 }), inOrder)
  const lossy = send({ loss: 0.2 })
  t.true(lossy.length > 350 && lossy.length < 450)
  t.deepEqual(
    lossy,
    [...lossy].sort((a, b) => a - b),
  )
  t.true(send({ duplication: 0.2 }).length > 550)
  const mixed = send({ delaySpread: 20, reordering: true })
  t.is(mixed.length, 500)
  t.notDeepEqual(mixed, inOrder)
})

test('fabric: a cut link is cut one way, as often as it was cut; an outage takes what is under way', (t) => {
  const { agenda, network, ports } = fabric()
  const [a, b] = ports as [Port & { got: Letter[] }, Port & { got: Letter[] }]
  const exchange = (): [number, number] => {
    a.got.length = 0
    b.got.length = 0
    network.send(a, 11, datagram(1))
    network.send(b, 10, datagram(2))
    while (agenda.step(agenda.now + 10)) {}
    return [a.got.length, b.got.length]
  }
  network.cut(0, 1)
  network.cut(0, 1)
  t.deepEqual(exchange(), [1, 0])
  network.mend(0, 1)
  t.deepEqual(exchange(), [1, 0])
  network.mend(0, 1)
  t.deepEqual(exchange(), [1, 1])
  b.got.length = 0
  network.send(a, 11, datagram(3))
  network.down = true
  while (agenda.step(agenda.now + 10)) {}
  t.is(b.got.length, 0)
})

test('fabric: a clogged link holds everything back, and then lets it come at once and in order', (t) => {
  const { agenda, network, ports } = fabric()
  const [from, to] = ports as [Port & { got: Letter[] }, Port & { got: Letter[] }]
  network.clog(0, 1)
  for (let i = 0; i < 50; i++) network.send(from, 11, datagram(i))
  while (agenda.step(agenda.now + 1000)) {}
  t.is(to.got.length, 0)
  t.is(network.unclog(0, 1), 50)
  while (agenda.step(agenda.now + 1)) {}
  t.deepEqual(
    numbers(to.got),
    Array.from({ length: 50 }, (_, i) => i),
  )
})

test('fabric: a bad host loses and delays what it sends and gets, the others do not', (t) => {
  const { agenda, network, ports } = fabric()
  const [a, b, c] = ports as [Port & { got: Letter[] }, Port & { got: Letter[] }, Port & { got: Letter[] }]
  network.trouble(1, { loss: 0.5, delay: 100 })
  for (let i = 0; i < 400; i++) {
    network.send(a, 'everyone', datagram(i))
    network.send(b, 12, datagram(i))
  }
  while (agenda.step(10)) {}
  t.is(numbers(c.got.filter(({ from }) => from === a)).length, 400)
  while (agenda.step(1000)) {}
  for (const got of [b.got, c.got.filter(({ from }) => from === b)]) t.true(got.length > 140 && got.length < 260)
})

test('noise: a member drops it, and is what it was', (t) => {
  const world = new World({ seed: 3, roster: ['a', 'b', 'c'] })
  for (const name of world.roster) world.start(world.addHost(name))
  const letters: Letter[] = []
  world.network.onArrive = (letter) => letters.push(letter)
  world.run(2000)
  const { member } = world.process('a')
  const chance = new Chance(8)
  const before = member.status()
  const dropped = (): number => Object.values(member.status().counters.dropped).reduce((sum, n) => sum + n, 0)
  let made = 0
  const droppedBefore = dropped()
  for (const { bytes, envelope, from } of letters) {
    if (envelope === undefined || from.name === 'a') continue
    const noise = chance.chance(0.8) ? makeNoise(bytes, envelope, chance) : ofAnotherGroup(envelope, chance)
    if (noise === undefined) continue
    made++
    member.step(world.process('a').now(), { type: 'datagram', datagram: noise })
  }
  t.true(made > 100)
  t.true(dropped() - droppedBefore > 0.8 * made)
  const { counters: _, ...after } = member.status()
  const { counters: __, ...was } = before
  t.deepEqual(after, was)
  t.is(world.failure, undefined)
})

test('plans: every kind of fault is drawn often enough to meet it in a thousand seeds', (t) => {
  const drawn = new Map<string, number>()
  for (let seed = 1; seed <= 1000; seed++)
    for (const fault of new Set(drawPlan(seed).strikes.map((strike) => strike.fault)))
      drawn.set(fault, (drawn.get(fault) ?? 0) + 1)
  for (const fault of FAULTS) t.true((drawn.get(fault) ?? 0) >= 10, `${fault}: ${drawn.get(fault) ?? 0}`)
})
