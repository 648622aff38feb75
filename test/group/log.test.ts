// The newest part of the order: against a plain array, and each limit by itself.

import test from 'ava'
import { BatchMemory } from '../../broker/group/batch-memory.ts'
import { OrderLog } from '../../broker/group/log.ts'
import type { LogEntry, Proposal } from '../../broker/group/message.ts'
import { DEFAULT_SETTINGS, type GroupSettings } from '../../broker/group/settings.ts'
import { Chance } from '../sim/random.ts'

function logOf(settings: Partial<GroupSettings> = {}): OrderLog {
  const all = { ...DEFAULT_SETTINGS, ...settings }
  return new OrderLog(all, new BatchMemory(all.logBytesMax))
}

/** Its bytes tell which one it is. */
function entryOf(slot: number, bytes = 0): LogEntry {
  return { kind: 'slot', view: 1, slot, rank: 0, batch: Uint8Array.from({ length: bytes }, (_, i) => slot + 7 * i) }
}

function slotsOf(entries: readonly LogEntry[]): number[] {
  return entries.map((entry) => (entry.kind === 'slot' ? entry.slot : -1))
}

/** What one such entry counts for. */
function bytesOf(entry: LogEntry): number {
  const log = logOf()
  log.append(entry)
  return log.bytes
}

test('an empty log: at position 0, has it, and has nothing after it', (t) => {
  const log = logOf()
  t.is(log.position, 0)
  t.true(log.has(0))
  t.false(log.has(1))
  t.deepEqual(log.after(0, 1000), [])
})

test('more entries than it may keep: the oldest go, and positions stay what they were', (t) => {
  const log = logOf({ logEntriesMax: 3 })
  for (let slot = 1; slot <= 5; slot++) log.append(entryOf(slot))
  t.deepEqual([log.base, log.position, log.length], [2, 5, 3])
  t.deepEqual(
    [1, 2, 5, 6].map((position) => log.has(position)),
    [false, true, true, false],
  )
  t.deepEqual(slotsOf(log.after(2, 1000)), [3, 4, 5])
  t.throws(() => log.after(1, 1000), { name: 'AssertionError' }, 'what is not here must be asked for first')
})

test('more bytes than it may keep: the oldest go; the newest stays, however large', (t) => {
  const log = logOf({ logBytesMax: 3 * bytesOf(entryOf(1, 100)) })
  for (let slot = 1; slot <= 4; slot++) log.append(entryOf(slot, 100))
  t.is(log.base, 1)
  log.append(entryOf(5, 10_000))
  t.deepEqual([log.base, log.length], [4, 1])
  t.deepEqual(slotsOf(log.after(4, 1000)), [5])
  t.is(log.bytes, bytesOf(entryOf(5, 10_000)))
})

test('while a snapshot is carried: what comes after it is kept beyond the bounds, what came before it is not', (t) => {
  const log = logOf({ logEntriesMax: 3 })
  for (let slot = 1; slot <= 3; slot++) log.append(entryOf(slot))
  log.keepFrom(2)
  for (let slot = 4; slot <= 8; slot++) log.append(entryOf(slot))
  t.deepEqual([log.base, log.position], [2, 8])
  log.keepFrom(undefined)
  log.append(entryOf(9))
  t.deepEqual([log.base, log.position], [6, 9], 'once it is let go of, as before')
})

test('a snapshot carried for too long: at four times its bounds the log lets go of all that is over them', (t) => {
  const log = logOf({ logEntriesMax: 3 })
  log.keepFrom(0)
  for (let slot = 1; slot <= 12; slot++) log.append(entryOf(slot))
  t.is(log.length, 12)
  log.append(entryOf(13))
  t.deepEqual([log.base, log.length], [10, 3])
})

test('an answer: as many entries as fit, one at least', (t) => {
  const log = logOf()
  for (let slot = 1; slot <= 4; slot++) log.append(entryOf(slot, 100))
  const each = bytesOf(entryOf(1, 100))
  t.deepEqual(slotsOf(log.after(1, 2 * each)), [2, 3])
  t.deepEqual(slotsOf(log.after(1, 2 * each - 1)), [2])
  t.deepEqual(slotsOf(log.after(1, 1)), [2])
})

test('a change of view: counts for its members, with names of any letters', (t) => {
  const member = { name: 'ä'.repeat(50), incarnation: 1, url: '€'.repeat(50) }
  const proposal: Proposal = {
    birth: 1,
    history: 9,
    view: 1,
    oldMembers: [member, member],
    members: [member],
    leaving: [],
    trim: [],
  }
  t.true(bytesOf({ kind: 'view', proposal }) >= Buffer.byteLength(JSON.stringify(proposal)))
})

test('after a snapshot: begins there, with nothing of what it had', (t) => {
  const log = logOf({ logEntriesMax: 2 })
  for (let slot = 1; slot <= 9; slot++) log.append(entryOf(slot, 10))
  log.keepFrom(100)
  log.restart(100)
  t.deepEqual([log.base, log.position, log.length, log.bytes], [100, 100, 0, 0])
  t.false(log.has(5))
  log.append(entryOf(6))
  t.is(log.position, 101)
  t.deepEqual(slotsOf(log.after(100, 1000)), [6])
  for (let slot = 7; slot <= 9; slot++) log.append(entryOf(slot))
  t.deepEqual([log.base, log.position], [102, 104], 'and keeps no more than it may, whatever was kept before')
})

test('any use, for thousands of entries: as a plain array', (t) => {
  for (let seed = 1; seed <= 4; seed++) {
    const chance = new Chance(seed, 'log')
    const settings = { logEntriesMax: chance.pick([1, 50, 1500]), logBytesMax: chance.pick([500, 100_000]) }
    const log = logOf(settings)
    let [base, dumb]: [number, LogEntry[]] = [0, []]
    for (let i = 1; i <= 4000; i++) {
      const entry = entryOf(i, chance.whole(0, 100))
      log.append(entry)
      dumb.push(entry)
      while (dumb.length > 1 && (dumb.length > settings.logEntriesMax || all(dumb) > settings.logBytesMax)) {
        dumb = dumb.slice(1)
        base += 1
      }
      if (chance.chance(0.0005)) {
        ;[base, dumb] = [base + 1000, []]
        log.restart(base)
      }
      if (i % 100 !== 0) continue
      const from = chance.whole(0, dumb.length)
      const bytesMax = chance.pick([1, 1000, 10_000])
      const fit = dumb.slice(from).filter((_, at) => at === 0 || all(dumb.slice(from, from + at + 1)) <= bytesMax)
      t.deepEqual([log.base, log.position, log.bytes], [base, base + dumb.length, all(dumb)], `seed ${seed}`)
      t.deepEqual(log.after(base + from, bytesMax), fit, `seed ${seed}`)
    }
  }
})

function all(entries: readonly LogEntry[]): number {
  return entries.reduce((sum, entry) => sum + 64 + (entry.kind === 'slot' ? entry.batch.length : 0), 0)
}
