// How a process outside the view comes to hold the whole state: the giving side, the taking side, and both together
// while the log runs on, datagrams are lost, repeated and overtaken, and donors fall silent.

import test from 'ava'
import { BatchMemory } from '../../broker/group/batch-memory.ts'
import { OrderLog } from '../../broker/group/log.ts'
import type { ChunkMessage, LogEntry, LogMessage, Message } from '../../broker/group/message.ts'
import { DEFAULT_SETTINGS, type GroupSettings } from '../../broker/group/settings.ts'
import { CatchUp, Donor } from '../../broker/group/state-transfer.ts'
import type { Incarnation, View } from '../../broker/group/view.ts'
import { Chance } from '../sim/random.ts'

type Pull = Extract<Message, { kind: 'pull' }>

const { pullMs, suspectAfterMs } = DEFAULT_SETTINGS
const KEPT_MS = 5000
const VIEW: View = { history: 9, number: 3, members: [{ name: 'a', incarnation: 100, url: '' }] }
const KEY = { slot: 7, rank: 0 }
const [A, B, C] = [100, 101, 102]

function entryOf(slot: number): LogEntry {
  return { kind: 'slot', view: 3, slot, rank: 0, batch: new Uint8Array(0) }
}

function newMemory(): BatchMemory {
  return new BatchMemory(DEFAULT_SETTINGS.logBytesMax)
}

/** A log of so many entries, whose slots are their positions. */
function logOf(entries: number, settings: Partial<GroupSettings> = {}): OrderLog {
  const log = new OrderLog({ ...DEFAULT_SETTINGS, ...settings }, newMemory())
  for (let slot = 1; slot <= entries; slot++) log.append(entryOf(slot))
  return log
}

function pullOf(position: number, snapshot = 0, offset = 0): Pull {
  return { kind: 'pull', position, snapshot, offset }
}

function logMessage(from: number, to: number, head: number): LogMessage {
  const entries = Array.from({ length: to - from + 1 }, (_, i) => entryOf(from + i))
  return { kind: 'log', from, entries, head, settings: '' }
}

function chunkOf(position: number, total: number, offset: number, bytes: number, head = position): ChunkMessage {
  const { number, members } = VIEW
  const state = stateAt(position, total).subarray(offset, offset + bytes)
  return { kind: 'chunk', position, head, key: KEY, number, members, total, offset, bytes: state }
}

/** The same at every donor. */
function stateAt(position: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => position + 31 * i)
}

/** The same in pieces, as an application hands it over: some shorter than a chunk, one empty, one longer. */
function piecesOf(state: Uint8Array): Uint8Array[] {
  return [state.subarray(0, 7), state.subarray(7, 7), state.subarray(7, 30), state.subarray(30)]
}

// ---- the giving side

test('a pull from within the log: answered from the log, at its head with nothing', (t) => {
  const log = logOf(5, { logEntriesMax: 3 })
  const answer = (position: number) => new Donor().answer(pullOf(position), log, 10_000, 0)
  t.deepEqual(answer(3), logMessage(4, 5, 5))
  t.deepEqual(answer(2), logMessage(3, 5, 5))
  t.deepEqual(answer(5), logMessage(6, 5, 5))
})

test('a pull from a position that this donor has not come to: no answer', (t) => {
  t.is(new Donor().answer(pullOf(6), logOf(5), 10_000, 0), undefined)
})

test('a log that begins at the beginning: needs no snapshot; one that does not: takes one', (t) => {
  t.deepEqual(new Donor().answer(pullOf(0), logOf(3), 10_000, 0), logMessage(1, 3, 3))
  t.is(new Donor().answer(pullOf(0), logOf(4, { logEntriesMax: 3 }), 10_000, 0), 'takeSnapshot')
})

test('a snapshot: in chunks from where it is asked for, anew from the start if another one is named', (t) => {
  const log = logOf(9, { logEntriesMax: 3 })
  const donor = new Donor()
  donor.keep(log, KEY, VIEW, piecesOf(stateAt(9, 100)), 0)
  const answer = (pull: Pull) => donor.answer(pull, log, 40, 0)
  t.deepEqual(answer(pullOf(0)), chunkOf(9, 100, 0, 40))
  t.deepEqual(answer(pullOf(0, 9, 40)), chunkOf(9, 100, 40, 40))
  t.deepEqual(answer(pullOf(0, 9, 80)), chunkOf(9, 100, 80, 20))
  t.deepEqual(answer(pullOf(0, 9, 900)), chunkOf(9, 100, 100, 0), 'beyond its end')
  t.deepEqual(answer(pullOf(0, 8, 40)), chunkOf(9, 100, 0, 40))
})

test('a fabric that carries much: a chunk is no larger than a slow link carries in good time', (t) => {
  const log = logOf(9, { logEntriesMax: 3 })
  const donor = new Donor()
  donor.keep(log, KEY, VIEW, piecesOf(new Uint8Array(1_000_000)), 0)
  const answer = donor.answer(pullOf(0), log, 900_000, 0) as ChunkMessage
  t.is(answer.bytes.length, 128 * 1024)
})

test('while a snapshot is asked for: the log keeps what comes after it, so it leads somewhere', (t) => {
  const log = logOf(9, { logEntriesMax: 3 })
  const donor = new Donor()
  donor.keep(log, KEY, VIEW, piecesOf(stateAt(9, 100)), 0)
  for (let slot = 10; slot <= 19; slot++) log.append(entryOf(slot))
  t.deepEqual(donor.answer(pullOf(0), log, 40, 0), chunkOf(9, 100, 0, 40, 19))
  t.deepEqual(donor.answer(pullOf(9), log, 10_000, 0), logMessage(10, 19, 19))
})

test('a snapshot whose tail has left the log: another one is taken', (t) => {
  const log = logOf(9, { logEntriesMax: 3 })
  const donor = new Donor()
  donor.keep(log, KEY, VIEW, piecesOf(stateAt(9, 100)), 0)
  for (let slot = 10; slot <= 40; slot++) log.append(entryOf(slot))
  t.is(donor.answer(pullOf(0, 9, 40), log, 40, 0), 'takeSnapshot')
})

test('a snapshot that nobody asks for any more: let go of, and the log is as short as ever', (t) => {
  const log = logOf(9, { logEntriesMax: 3 })
  const donor = new Donor()
  donor.keep(log, KEY, VIEW, piecesOf(stateAt(9, 100)), 0)
  donor.answer(pullOf(0), log, 40, 1000)
  donor.tick(log, 1000 + KEPT_MS)
  t.like(donor.answer(pullOf(0), log, 40, 1000), { kind: 'chunk' }, 'asked for a while ago')
  donor.tick(log, 1001 + KEPT_MS)
  t.is(donor.answer(pullOf(0), log, 40, 9000), 'takeSnapshot')
  for (let slot = 10; slot <= 19; slot++) log.append(entryOf(slot))
  t.is(log.length, 3)
})

// ---- the taking side

/** Pulls every millisecond: when, and from whom. */
function pulls(catchUp: CatchUp, from: number, to: number, alive: readonly Incarnation[] = []): [number, number][] {
  const pulled: [number, number][] = []
  for (let time = from; time <= to; time++) {
    for (const donor of alive) catchUp.memberHeard(donor, time)
    const pull = catchUp.tick(0, time)
    if (pull) pulled.push([time, pull.to])
  }
  return pulled
}

function catchUpFrom(...donors: Incarnation[]): CatchUp {
  const catchUp = new CatchUp(DEFAULT_SETTINGS)
  for (const donor of donors) catchUp.memberHeard(donor, 0)
  return catchUp
}

test('no member heard: nothing is pulled; the first that is heard is asked at once', (t) => {
  const catchUp = catchUpFrom()
  t.is(catchUp.tick(0, 0), undefined)
  catchUp.memberHeard(B, 5)
  t.deepEqual(catchUp.tick(4, 5), { to: B, pull: pullOf(4) })
})

test('pulls without an answer: ever seldomer, and after five of them from the next member, in a circle', (t) => {
  const asked = pulls(catchUpFrom(), 0, 62 * pullMs, [B, A])
  const waits = [0, 1, 3, 7, 15].map((times) => times * pullMs)
  t.deepEqual(asked, [
    ...waits.map((at): [number, number] => [at, A]),
    ...waits.map((at): [number, number] => [31 * pullMs + at, B]),
    [62 * pullMs, A],
  ])
})

test('how much of a snapshot is there: known from the first part on, and nothing when it is whole', (t) => {
  const catchUp = catchUpFrom(A)
  const known = () => [catchUp.receivedBytes, catchUp.totalBytes]
  t.deepEqual(known(), [0, 0])
  catchUp.tick(0, 0)
  const first = chunkOf(9, 100, 0, 40)
  catchUp.onChunk(A, first, 0)
  t.deepEqual(known(), [40, 100])
  catchUp.onChunk(A, chunkOf(9, 100, 40, 40), 0)
  t.deepEqual(known(), [80, 100])
  t.truthy(catchUp.onChunk(A, chunkOf(9, 100, 80, 40), 0))
  t.deepEqual(known(), [0, 0])
})

test('a member that fell silent: no more asked than one that never was', (t) => {
  const catchUp = catchUpFrom(A, B)
  t.is(catchUp.tick(0, 0)?.to, A)
  catchUp.memberHeard(B, suspectAfterMs)
  t.is(catchUp.tick(0, suspectAfterMs)?.to, A)
  t.is(catchUp.tick(0, 2 * suspectAfterMs)?.to, B)
  t.is(catchUp.tick(0, 2 * suspectAfterMs + 1), undefined)
})

test('a member that sends a Cut: asked next and at once, and left again if it does not answer', (t) => {
  const catchUp = catchUpFrom(A, B)
  t.is(catchUp.tick(0, 0)?.to, A)
  catchUp.prefer(C, 1)
  t.is(catchUp.tick(0, 1)?.to, C)
  catchUp.prefer(C, 2)
  t.is(catchUp.tick(0, 2)?.to, C, 'another Cut: what it has now is asked for, however long the next pull was off')
  const waits = [1, 3, 7, 15].map((times): [number, number] => [2 + times * pullMs, C])
  t.deepEqual(pulls(catchUp, 3, 2 + 31 * pullMs, [A, B, C]), [...waits, [2 + 31 * pullMs, A]])
})

test('an answer after some that were lost: the next pull is repeated as early as the first was', (t) => {
  const chunk = chunkOf(9, 100, 0, 40)
  const answers = [
    [1, (catchUp: CatchUp) => catchUp.onLog(A, logMessage(1, 5, 20), 0)],
    [1, (catchUp: CatchUp) => catchUp.onChunk(A, chunk, 0)],
    // Of another member than the one that is asked: of use, but that one is still silent.
    [8, (catchUp: CatchUp) => catchUp.onLog(B, logMessage(1, 5, 20), 0)],
    [8, (catchUp: CatchUp) => catchUp.onChunk(B, chunk, 0)],
  ] as const
  for (const [times, answer] of answers) {
    const catchUp = catchUpFrom(A, B)
    pulls(catchUp, 0, 4 * pullMs) // at 0, 1 and 3 times
    answer(catchUp)
    t.deepEqual(pulls(catchUp, 4 * pullMs, (4 + times) * pullMs), [
      [4 * pullMs, A],
      [(4 + times) * pullMs, A],
    ])
  }
})

test('a part of the log that leaves a gap, or brings nothing new: not used, and nothing is concluded from it', (t) => {
  const catchUp = catchUpFrom(A)
  catchUp.tick(5, 0)
  t.false(catchUp.onLog(A, logMessage(7, 9, 9), 5))
  t.false(catchUp.onLog(A, logMessage(5, 5, 5), 5))
  t.false(catchUp.nearHead)
  t.is(catchUp.head, 0)
  t.true(catchUp.onLog(A, logMessage(6, 9, 20), 5))
})

test('a part of the log: the next is pulled at once while there is more, and after a while at the head', (t) => {
  const catchUp = catchUpFrom(A)
  catchUp.tick(0, 0)
  catchUp.onLog(A, logMessage(1, 5, 20), 0)
  t.false(catchUp.nearHead)
  t.is(catchUp.head, 20)
  t.deepEqual(catchUp.tick(5, 0), { to: A, pull: pullOf(5) })
  catchUp.onLog(A, logMessage(6, 20, 20), 5)
  t.true(catchUp.nearHead)
  catchUp.onLog(B, logMessage(21, 20, 19), 20)
  t.is(catchUp.head, 20, 'another member may not be as far')
  t.is(catchUp.tick(20, pullMs - 1), undefined)
  t.deepEqual(catchUp.tick(20, pullMs), { to: A, pull: pullOf(20) })
})

test('the chunks of a snapshot: each asks for the next, the last one gives the state', (t) => {
  const catchUp = catchUpFrom(A)
  catchUp.tick(3, 0)
  t.is(catchUp.onChunk(A, chunkOf(9, 100, 0, 40, 12), 3), undefined)
  t.deepEqual([catchUp.receivedBytes, catchUp.head, catchUp.nearHead], [40, 12, false])
  t.deepEqual(catchUp.tick(3, 0), { to: A, pull: pullOf(3, 9, 40) })
  t.is(catchUp.onChunk(A, chunkOf(9, 100, 0, 40), 3), undefined, 'comes twice')
  t.is(catchUp.onChunk(A, chunkOf(9, 100, 80, 20), 3), undefined, 'comes too early')
  t.is(catchUp.tick(3, 0), undefined, 'neither asks for anything')
  t.is(catchUp.onChunk(A, chunkOf(9, 100, 40, 40), 3), undefined)
  t.deepEqual(catchUp.onChunk(A, chunkOf(9, 100, 80, 20), 3), stateAt(9, 100))
  t.is(catchUp.receivedBytes, 0)
})

test('a snapshot when all seemed to be here: it is not; a part of the log in its midst: needed no more', (t) => {
  const catchUp = catchUpFrom(A)
  catchUp.tick(0, 0)
  catchUp.onLog(A, logMessage(1, 5, 5), 0)
  t.true(catchUp.nearHead)
  catchUp.onChunk(A, chunkOf(9, 100, 0, 40), 5)
  t.false(catchUp.nearHead)
  catchUp.onLog(A, logMessage(6, 8, 20), 5)
  t.is(catchUp.receivedBytes, 0)
  t.deepEqual(catchUp.tick(8, 0), { to: A, pull: pullOf(8) })
})

test('an empty state: one empty chunk is all of it', (t) => {
  const catchUp = catchUpFrom(A)
  catchUp.tick(0, 0)
  t.deepEqual(catchUp.onChunk(A, chunkOf(9, 0, 0, 40), 0), new Uint8Array(0))
})

test('a snapshot of what is already here: not taken', (t) => {
  const catchUp = catchUpFrom(A)
  catchUp.tick(9, 0)
  t.is(catchUp.onChunk(A, chunkOf(9, 10, 0, 10), 9), undefined)
  t.deepEqual(catchUp.onChunk(A, chunkOf(10, 10, 0, 10), 9), stateAt(10, 10))
})

test('G8, the donor dies within a snapshot: the next one goes on with it if it has the same', (t) => {
  const catchUp = catchUpFrom(A, B)
  catchUp.tick(0, 0)
  catchUp.onChunk(A, chunkOf(9, 100, 0, 40), 0)
  catchUp.memberHeard(B, 2 * suspectAfterMs)
  t.deepEqual(catchUp.tick(0, 2 * suspectAfterMs), { to: B, pull: pullOf(0, 9, 40) })
  t.deepEqual(catchUp.onChunk(B, chunkOf(9, 100, 40, 60), 0), stateAt(9, 100))
})

test('the donor takes another snapshot: begun anew; that of a member that is not asked disturbs nothing', (t) => {
  const catchUp = catchUpFrom(A, B)
  catchUp.tick(0, 0)
  catchUp.onChunk(A, chunkOf(9, 100, 0, 40), 0)
  t.is(catchUp.onChunk(B, chunkOf(11, 50, 0, 50), 0), undefined)
  t.is(catchUp.receivedBytes, 40)
  t.is(catchUp.onChunk(A, chunkOf(11, 50, 40, 10), 0), undefined, 'not its beginning')
  t.is(catchUp.receivedBytes, 40)
  t.deepEqual(catchUp.onChunk(A, chunkOf(11, 50, 0, 50), 0), stateAt(11, 50))
  catchUp.onChunk(A, chunkOf(12, 100, 0, 40), 0)
  t.deepEqual(catchUp.onChunk(A, chunkOf(12, 50, 0, 50), 0), stateAt(12, 50), 'also one of another length')
})

test('a chunk longer than the snapshot says that it is: dropped', (t) => {
  const catchUp = catchUpFrom(A)
  catchUp.tick(0, 0)
  const chunk = chunkOf(9, 100, 0, 60)
  t.is(catchUp.onChunk(A, { ...chunk, total: 50 }, 0), undefined)
  t.is(catchUp.receivedBytes, 0)
})

// ---- both

test('G7, any weather while the log runs on: the state of one position, then every entry once, to the head', (t) => {
  let [restored, chunks] = [0, 0]
  for (let seed = 1; seed <= 30; seed++) {
    const chance = new Chance(seed, 'state-transfer')
    const settings = { ...DEFAULT_SETTINGS, logEntriesMax: chance.pick([5, 20, 1000]) }
    const loss = chance.pick([0, 0.1, 0.4])
    const growth = chance.pick([0, 0.02, 0.05])
    const bytesMax = chance.pick([100, 500])
    const length = chance.pick([0, 50, 2000])
    const donors = [A, B, C].map((incarnation) => ({
      incarnation,
      donor: new Donor(),
      log: new OrderLog(settings, newMemory()),
      diesAt: incarnation === C ? Number.POSITIVE_INFINITY : chance.whole(0, 500),
    }))
    let head = chance.whole(0, 60)
    const catchUp = new CatchUp(settings)
    let position = 0
    let doneAt = -1
    let flying: { at: number; arrive: (time: number) => void }[] = []
    const send = (time: number, arrive: (time: number) => void): void => {
      if (chance.chance(loss)) return
      flying.push({ at: time + chance.whole(1, 15), arrive })
      if (chance.chance(0.1)) flying.push({ at: time + chance.whole(1, 60), arrive })
    }
    const pull = (time: number): void => {
      const due = catchUp.tick(position, time)
      if (due) send(time, (at) => answer(at, due.to, due.pull))
    }
    const answer = (time: number, to: Incarnation, asked: Pull): void => {
      const { incarnation, donor, log, diesAt } = donors.find((one) => one.incarnation === to)!
      if (time >= diesAt) return
      const answered = donor.answer(asked, log, bytesMax, time)
      if (answered === 'takeSnapshot') donor.keep(log, KEY, VIEW, piecesOf(stateAt(log.position, length)), time)
      else if (answered) send(time, (at) => take(at, incarnation, answered))
    }
    const take = (time: number, from: Incarnation, message: LogMessage | ChunkMessage): void => {
      if (message.kind === 'chunk') {
        chunks += 1
        const state = catchUp.onChunk(from, message, position)
        if (state) {
          t.true(message.position > position)
          position = message.position
          t.deepEqual(state, stateAt(position, length), `G8, seed ${seed}`)
          restored += 1
        }
      } else if (catchUp.onLog(from, message, position)) {
        for (const entry of message.entries) {
          position += 1
          t.deepEqual(entry, entryOf(position), `no gap and no duplicate, seed ${seed}`)
        }
      }
      pull(time)
    }
    for (let time = 0; time < 20_000 && doneAt < 0; time++) {
      if (time < 1000 && chance.chance(growth)) head += 1
      for (const { incarnation, donor, log, diesAt } of donors) {
        if (time >= diesAt) continue
        // Members deliver at slightly different times.
        while (log.position < head - (time < 1000 ? chance.whole(0, 2) : 0)) log.append(entryOf(log.position + 1))
        if (time % 50 === 0) catchUp.memberHeard(incarnation, time)
        if (time % 10 === 0) donor.tick(log, time)
      }
      if (time % 10 === 0) pull(time)
      const due = flying.filter(({ at }) => at <= time)
      flying = flying.filter(({ at }) => at > time)
      for (const { arrive } of due) arrive(time)
      if (time >= 1000 && position === head && catchUp.nearHead) doneAt = time
    }
    t.true(doneAt >= 0, `G10: it gets there, seed ${seed}`)
  }
  t.true(restored > 10 && chunks > 100, `the weather does all of it: ${[restored, chunks]}`)
})
