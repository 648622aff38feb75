// Directed scenarios: each of the ways in which earlier drafts of the protocol lost data, split the group or stopped it
// ([c1] and so on, as numbered in broker/group/README.md), and the failures that every group meets.

import { OVERHEAD_BYTES } from '../../broker/group/codec.ts'
import type { Letter } from './fabric.ts'
import type { LogReplica } from './log-replica.ts'
import type { SimulatedProcess } from './process.ts'
import { type Scenario, type Script, scenario } from './script.ts'

const TWO = { roster: ['a', 'b'] }
const THREE = { roster: ['a', 'b', 'c'] }
const FIVE = { roster: ['a', 'b', 'c', 'd', 'e'] }
/** What a change may take after the one who makes it necessary is suspected, in ms. */
const CHANGE_MS = 1200
const SUSPECT_MS = 1000

export const SCENARIOS: readonly Scenario[] = [
  // ---- ordinary days

  scenario('first-start', 'three replicas start together: one view, and each publishes', THREE, (s) => {
    s.form()
    s.expect('a view of three', s.goOn('a b c'))
    for (const name of THREE.roster) s.publishAndConfirm(name, 100, 10)
    s.finish()
  }),
  scenario('late-start', 'the last of the roster comes two seconds late: nobody begins without it', THREE, (s) => {
    s.start('a')
    s.start('b')
    s.run(2000)
    s.expect('no view yet', s.viewOf('a') === 0 && s.viewOf('b') === 0)
    s.start('c')
    s.until('the three are one view', () => s.goOn('a b c'), 1500)
    s.finish()
  }),
  scenario(
    'roster-of-one',
    'a roster of one: it listens, serves alone, and others join',
    { roster: ['a'], others: ['b'] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 20, 5)
      s.start('b')
      s.until('b joins', () => s.goOn('a b'), 2000)
      s.publishAndConfirm('b', 100)
      s.finish()
    },
  ),
  scenario('crash-under-load', 'one of three is killed under load: the others go on and lose nothing', THREE, (s) => {
    s.form()
    load(s, ['a', 'b'], 3000)
    s.run(300)
    s.kill('c')
    s.until('a and b go on', () => s.goOn('a b'), SUSPECT_MS + CHANGE_MS)
    s.publishAndConfirm('b', 100)
    s.finish()
  }),
  scenario('coordinator-crash', 'the coordinator is killed under load: the next one leads', THREE, (s) => {
    s.form()
    load(s, ['b', 'c'], 3000)
    s.run(300)
    s.kill('a')
    s.until('b and c go on', () => s.goOn('b c'), SUSPECT_MS + CHANGE_MS)
    s.publishAndConfirm('c', 100)
    s.finish()
  }),
  scenario('hinted-crash', 'a kill that is hinted at: noticed by a probe, long before suspectAfter', THREE, (s) => {
    s.form()
    const { incarnation } = s.process('b')
    s.kill('b')
    for (const name of ['a', 'c']) s.process(name).hint(incarnation)
    s.until('a and c go on', () => s.goOn('a c'), 300)
    s.finish()
  }),
  scenario('false-hint', 'a hint about a living member: it answers the probe and stays', THREE, (s) => {
    s.form()
    for (let i = 0; i < 10; i++) {
      s.process('a').hint(s.process('b').incarnation)
      s.run(100)
    }
    s.expect('still the first view', s.viewOf('a') === 1)
    s.finish()
  }),
  scenario('short-pause', 'paused for 400 ms under load: not excluded', THREE, (s) => {
    s.form()
    load(s, ['a', 'c'], 2500)
    for (const name of ['a', 'b', 'c']) {
      s.run(300)
      s.pause(name, 400)
      s.run(500)
    }
    s.run(1500)
    s.expect('still the first view', s.viewOf('a') === 1 && s.viewOf('b') === 1 && s.viewOf('c') === 1)
    s.finish()
  }),
  scenario('long-pause', 'paused for 3 s: excluded, and comes back by itself with what it was given', THREE, (s) => {
    s.form()
    s.publish('b', 3)
    s.pause('b', 3000)
    s.until('a and c go on', () => s.goOn('a c'), SUSPECT_MS + CHANGE_MS)
    s.publishAndConfirm('a', 100, 20)
    s.until('b is back', () => s.goOn('a c b'), 4000)
    s.until("b's events are confirmed", () => s.confirmedOf('b') === 3, 500)
    s.finish()
  }),
  scenario('leave', 'a graceful leave: no suspicion, nothing lost, and the leaver exits', THREE, (s) => {
    s.form()
    s.publish('b', 5)
    const gone: string[] = []
    s.world.onOutput = (process, output) => {
      if (output.type !== 'view' || process.name !== 'a') return
      for (const { name } of output.left) gone.push(`${name} left`)
      for (const { name } of output.failed) gone.push(`${name} failed`)
    }
    s.leave('b')
    s.until('b has left', () => !s.process('b').open && s.goOn('a c'), 300)
    s.expect(`that it left is told, not ${gone}`, gone.join() === 'b left')
    s.expect('what it took is in', s.confirmedOf('b') === 5)
    s.finish()
  }),
  scenario(
    'leave-under-load',
    'a leave with events waiting for the window: all are in before it leaves',
    { ...THREE, settings: { windowSlotsMax: 1, batchBytesMax: 40 } },
    (s) => {
      s.form()
      s.world.network.slow = (letter) =>
        letter.from.name === 'c' && letter.envelope?.message.kind === 'header' ? 8 : 0
      s.publish('b', 50)
      s.leave('b')
      s.until('b has left', () => !s.process('b').open && s.goOn('a c'), 1000)
      s.expect('what it took is in, and was answered', s.confirmedOf('b') === 50)
      s.finish()
    },
  ),
  scenario('leave-cut-off', 'a leave without anybody to say goodbye to: over in time all the same', THREE, (s) => {
    s.form()
    s.partition(['b'], ['a', 'c'])
    s.leave('b')
    s.until('b is gone', () => !s.process('b').open, 3500)
    s.until('a and c go on', () => s.goOn('a c'), SUSPECT_MS + CHANGE_MS)
    s.finish()
  }),
  scenario(
    'window',
    'a member acknowledges nothing: no more than the window is on its way, and the rest waits',
    { ...THREE, settings: { windowSlotsMax: 4, batchBytesMax: 40 } },
    (s) => {
      s.form()
      const stop = s.drop({ kinds: ['header', 'slot'], from: ['c'] })
      s.publish('a', 50)
      s.run(100)
      const { unstableSlots } = s.process('a').status()
      s.expect(`4 slots are on their way, not ${unstableSlots}`, unstableSlots === 4)
      stop()
      s.until('all are confirmed', () => s.confirmedOf('a') === 50, 500)
      s.finish()
    },
  ),
  scenario(
    'rest-of-a-turn',
    'a full batch and a half in one turn: the half waits for what comes next',
    { ...THREE, settings: { batchBytesMax: 1000 } },
    (s) => {
      s.form()
      const sent = (): number => s.process('a').status().counters.sent['slot'] ?? 0
      s.publish('a', 30)
      s.run(0.15)
      s.expect(`one slot has left, not ${sent()}`, sent() === 1)
      s.publish('a', 5)
      s.until('all are confirmed', () => s.confirmedOf('a') === 35, 50)
      s.expect(`two slots have left, not ${sent()}`, sent() === 2)
      s.finish()
    },
  ),
  scenario(
    'rest-of-a-turn-alone',
    'a full batch and a half in one turn of a member without others: nothing would come next, and both leave',
    { roster: ['a'], settings: { batchBytesMax: 1000 } },
    (s) => {
      s.form()
      s.publish('a', 30)
      s.run(0.15)
      s.expect(`all are confirmed, not ${s.confirmedOf('a')}`, s.confirmedOf('a') === 30)
      s.finish()
    },
  ),
  scenario(
    'first-early-reader',
    'somebody wants to see what is not safe yet: nothing was shown before, and what there is at once',
    THREE,
    (s) => {
      s.form()
      const shown = shownAt(s, 'b')
      const stop = s.drop({ kinds: ['header', 'slot'], from: ['c'] })
      s.publish('a', 1)
      s.run(3)
      s.expect(`nothing is shown, not ${shown}`, shown.length === 0)
      s.process('b').driver.showEarly(true)
      s.expect(`what waits to be safe is shown, not ${shown}`, shown.join() === 'fifo,causal,agreed')
      stop()
      s.finish()
    },
  ),
  scenario(
    'first-early-reader-in-a-change',
    'somebody wants to see what is not safe yet while the view changes: what was held before is shown, and no more',
    THREE,
    (s) => {
      s.form()
      const shown = shownAt(s, 'b')
      const b = s.process('b')
      s.drop({ kinds: ['header', 'slot'], from: ['c'] })
      s.publish('a', 1)
      s.run(3)
      const late: Letter[] = []
      s.at('slot', 'a', (letter) => late.push(letter))
      const stops = [s.drop({ kinds: ['slot'], from: ['a'] }), s.drop({ kinds: ['want', 'propose'] })]
      s.publish('a', 1)
      const { incarnation } = s.process('c')
      s.kill('c')
      for (const name of ['a', 'b']) s.process(name).hint(incarnation)
      s.until('b is wedged', () => b.status().wedged, 300)
      for (const letter of late) s.world.network.inject(letter, b.host)
      s.run(3)
      const got = b.status().counters.received['slot']
      s.expect(`it is wedged, and has both slots now, not ${got}`, b.status().wedged && got === 2)
      b.driver.showEarly(true)
      s.expect(`what b held is shown, not ${shown}`, shown.join() === 'fifo,causal,agreed')
      for (const stop of stops) stop()
      s.until('a and b go on', () => s.goOn('a b'), 2 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'long-change',
    'a change that hangs: its members are not primary after a while, and are again',
    THREE,
    (s) => {
      s.form()
      const stop = s.drop({ kinds: ['propose'] })
      s.leave('c')
      s.run(500)
      s.expect('a change is a matter of a moment', s.process('a').status().primary)
      s.run(1000)
      s.expect('this one is not', !s.process('a').status().primary && !s.process('b').status().primary)
      stop()
      s.until('a and b go on', () => s.goOn('a b'), 2 * CHANGE_MS)
      s.expect('they are primary', s.process('a').status().primary && s.process('b').status().primary)
      s.finish()
    },
  ),
  scenario('leave-of-rank-0', 'rank 0 leaves: it leads its own leave', THREE, (s) => {
    s.form()
    s.publish('a', 5)
    s.leave('a')
    s.until('a has left', () => !s.process('a').open && s.goOn('b c'), 300)
    s.finish()
  }),
  scenario('everybody-leaves', 'all leave at once: all exit', THREE, (s) => {
    s.form()
    for (const name of THREE.roster) s.leave(name)
    s.until('all have exited', () => s.world.processes().length === 0, 500)
  }),
  scenario(
    'join-from-log',
    'a new replica joins under load: it has the log, and the group stands still for less than 100 ms',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 200, 50)
      load(s, ['a', 'b'], 1500)
      s.start('d')
      s.until('d is a member', () => s.membersAt('d') === 'a b c d', 2000)
      s.publishAndConfirm('d', 200)
      s.expect('at the first try', s.viewOf('a') === 2)
      s.finish()
    },
  ),
  scenario(
    'join-from-snapshot',
    'a new replica joins a group whose log no longer begins at the beginning: it gets a snapshot in chunks',
    { ...THREE, others: ['d'], settings: { logEntriesMax: 10 }, datagramBytesMax: 16 * 1024 },
    (s) => {
      s.form()
      for (let i = 0; i < 60; i++) s.publishAndConfirm('a', 300, 60)
      s.start('d')
      s.until('d is a member', () => s.membersAt('d') === 'a b c d', 4000)
      s.expect('it was restored', (s.world.turns.counts['restored from a snapshot'] ?? 0) > 0)
      s.expect('it has all events', s.world.log(s.process('d')).events.length === 3600)
      s.finish()
    },
  ),
  scenario(
    'donor-lost',
    'the donor dies in the middle of a transfer: the joiner goes on with another',
    { ...THREE, others: ['d'], settings: { logEntriesMax: 10 }, datagramBytesMax: 16 * 1024 },
    (s) => {
      s.form()
      for (let i = 0; i < 60; i++) s.publishAndConfirm('c', 300, 60)
      let chunks = 0
      s.watch((letter, from) => {
        if (letter.envelope?.message.kind === 'chunk' && ++chunks === 2 && from.name !== 'd')
          s.world.kill(from, 'the donor')
      })
      s.start('d')
      s.until('the donor died', () => s.world.processes().length === 3, 2000)
      s.until('d is a member', () => s.membersAt('d').split(' ').length === 3, 5000)
      s.finish()
    },
  ),
  scenario(
    'older-snapshot',
    'the donor of a newer snapshot dies, and the one that is left has an older one: the joiner takes that',
    { ...TWO, others: ['d'], settings: { logEntriesMax: 30 }, datagramBytesMax: 16 * 1024 },
    (s) => {
      s.form()
      for (let i = 0; i < 60; i++) s.publishAndConfirm('a', 300, 60)
      const between = (one: string, act: (from: string, to: string) => void): void => {
        act(one, 'd')
        act('d', one)
      }
      const cut = (from: string, to: string): void => s.cut(from, to)
      const mend = (from: string, to: string): void => s.mend(from, to)
      between('b', cut)
      const parts = { a: 0, b: 0 }
      s.watch((letter, { name }) => {
        if (letter.envelope?.message.kind !== 'chunk' || (name !== 'a' && name !== 'b')) return
        parts[name]++
        if (name === 'a' && parts.a === 2) {
          between('a', cut)
          between('b', mend)
          // The order goes on while the joiner turns to the other.
          s.world.agenda.after(1, () => s.publish('a', 3))
        } else if (name === 'b' && parts.b === 3) {
          between('a', mend)
          s.world.agenda.after(0.05, () => s.kill('b'))
        }
      })
      s.start('d')
      s.until('b has given parts of a newer one, and dies', () => s.world.processes().length === 2, 4000)
      s.until('d is a member', () => s.goOn('a d'), 5000)
      s.expect('a gave it the older one', parts.a > 3)
      s.finish()
    },
  ),
  scenario(
    'minority',
    'a minority is cut off: it blocks, the others go on, and after healing it is back',
    FIVE,
    (s) => {
      s.form()
      s.partition(['a', 'b'], ['c', 'd', 'e'])
      s.run(5)
      s.publish('a', 3)
      s.until('c d e go on', () => s.goOn('c d e'), SUSPECT_MS + 2 * CHANGE_MS)
      s.publishAndConfirm('d', 100, 10)
      s.run(3000)
      const primary = (names: string): boolean[] => names.split(' ').map((name) => s.process(name).status().primary)
      s.expect('the others are primary, and they are not', `${primary('c d e a b')}` === 'true,true,true,false,false')
      s.expect('nothing is confirmed in the minority', s.confirmedOf('a') === 0)
      s.mendAll()
      s.until('all five are together', () => s.world.settled(), 6000)
      s.until("the minority's events are in after all", () => s.confirmedOf('a') === 3, 1000)
      s.finish()
    },
  ),
  scenario('half', 'four in two halves: the half with rank 0 goes on', { roster: ['a', 'b', 'c', 'd'] }, (s) => {
    s.form()
    s.partition(['a', 'c'], ['b', 'd'])
    s.until('a and c go on', () => s.goOn('a c'), SUSPECT_MS + CHANGE_MS)
    s.publishAndConfirm('c', 100)
    s.run(1500)
    s.expect('b and d stay where they were', s.viewOf('b') === 1 && s.viewOf('d') === 1)
    s.finish()
  }),
  scenario(
    'lost-datagrams',
    'one datagram in five is lost: every event is confirmed, and nobody is excluded',
    THREE,
    (s) => {
      s.form()
      s.world.network.weather = { ...s.world.network.weather, loss: 0.2 }
      for (let i = 0; i < 30; i++) s.publishAndConfirm(THREE.roster[i % 3] as string, 1000, 5)
      s.expect('still the first view', s.viewOf('a') === 1)
      s.finish()
    },
  ),
  scenario(
    'min-replicas',
    'a view smaller than minReplicas: it goes on and refuses publishes',
    { ...THREE, settings: { minReplicas: 2, windowSlotsMax: 1, batchBytesMax: 40 } },
    (s) => {
      s.form()
      s.kill('c')
      s.until('a and b go on', () => s.goOn('a b'), SUSPECT_MS + CHANGE_MS)
      s.publishAndConfirm('a', 100)
      s.kill('b')
      s.publish('a', 3) // One is on its way; two wait for the window.
      s.until('a goes on', () => s.goOn('a'), SUSPECT_MS + CHANGE_MS)
      s.expect('a takes nothing', s.publish('a') === 0)
      s.run(100)
      s.expect('what waited is not in', s.world.log(s.process('a')).events.length === 2)
      s.start('b')
      s.until('b is back', () => s.goOn('a b'), 3000)
      s.publishAndConfirm('b', 100)
      s.finish()
    },
  ),
  scenario(
    'namesake',
    'two processes with one name: the second never gets in, and the first stays',
    { ...THREE, others: ['b'] },
    (s) => {
      s.form()
      s.start('b')
      s.run(4000)
      s.expect('still the first view', s.viewOf('a') === 1 && s.viewOf('c') === 1)
      const second = s.world.hosts[3]?.process
      s.expect('the second is no member', second?.isMember === false)
      s.expect(
        'somebody says so',
        (s.world.turns.counts['namesake met'] ?? 0) > 0 || (s.world.turns.counts['joiner refused'] ?? 0) > 0,
      )
      if (second) s.world.kill(second)
      s.finish()
    },
  ),
  scenario(
    'dead-namesake',
    'a killed replica starts again at once: the old one is dropped and the new one is in',
    THREE,
    (s) => {
      s.form()
      s.kill('b')
      s.run(50)
      s.start('b')
      s.until('b is in again', () => s.goOn('a c b'), SUSPECT_MS + 2 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'crash-in-first-start',
    'the coordinator of the first start dies after its proposal: started again, the roster forms one group',
    THREE,
    (s) => {
      s.at('propose', undefined, (letter) => {
        const { name } = letter.from
        s.world.kill(s.process(name), 'after its proposal was made')
        s.world.agenda.after(500, () => s.start(name))
      })
      for (const name of THREE.roster) s.start(name)
      s.until('one view of three', () => s.world.settled(), 6000)
      s.finish()
    },
  ),
  scenario(
    'propose-then-die',
    'the coordinator dies after Propose and before Install: the next one finishes',
    FIVE,
    (s) => {
      s.form()
      load(s, ['b', 'c'], 3000)
      s.at('install', 'a', () => s.kill('a'))
      s.kill('e')
      s.until('b c d go on', () => s.goOn('b c d'), 2 * SUSPECT_MS + 3 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario('install-to-one', 'the Install reaches only one, and its sender dies: the others learn of it', FIVE, (s) => {
    s.form()
    load(s, ['b', 'c'], 3000)
    const stop = s.drop({ kinds: ['install'], from: ['a'], to: ['b', 'd'] })
    s.at('install', 'a', () => {
      s.process('a').actsLeft = 1
    })
    s.kill('e')
    s.until('a is dead', () => !s.process('a').open, 2 * SUSPECT_MS)
    stop()
    s.until('b c d go on', () => s.goOn('b c d'), 2 * SUSPECT_MS + 3 * CHANGE_MS)
    s.finish()
  }),

  scenario(
    'all-paused',
    'all stand still for 3 s at once: nobody blames anybody, the same view goes on',
    THREE,
    (s) => {
      s.form()
      for (let i = 0; i < 3; i++) {
        for (const name of THREE.roster) s.pause(name, 3000)
        s.run(3500)
      }
      s.publishAndConfirm('b', 100)
      const { suspicions } = s.process('a').member.status().counters
      s.expect('the first view, and no suspicion', s.viewOf('a') === 1 && suspicions === 0)
      s.finish()
    },
  ),
  scenario(
    'late-slot',
    'a slot reaches the wedged after they have said what they hold: it is not acknowledged in this view [c8]',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      // c hears of no change; it publishes when the others have answered.
      s.drop({ kinds: ['collect', 'propose', 'install'], to: ['c'] })
      s.at('state', 'b', () => s.world.agenda.after(0.5, () => s.publish('c')))
      s.start('d')
      s.until('a, b and d go on', () => s.goOn('a b d') || s.goOn('a b'), 3000)
      s.finish()
    },
  ),
  scenario(
    'late-propose',
    'a proposal arrives after a higher ballot was promised: it is refused, and one successor is chosen',
    FIVE,
    (s) => {
      s.form()
      // a hears only b and c; of its proposal only b learns at first.
      s.partition(['a'], ['d', 'e'])
      s.drop({ kinds: ['propose'], from: ['a'], to: ['c'] })
      const late: Letter[] = []
      let accepted = false
      s.at('propose', 'a', (letter) => late.push(letter))
      s.at('accept', 'b', () => {
        accepted = true
      })
      s.until('b has accepted', () => accepted, SUSPECT_MS + CHANGE_MS)
      s.run(1)
      // a stands still, and c misses how the next change ends. What c says is all that a hears when it goes on.
      s.pause('a', 5000)
      s.drop({ from: ['b', 'd', 'e'], to: ['a'] })
      s.drop({ kinds: ['propose', 'install'], to: ['c'] })
      s.until('d is in the next view', () => s.membersAt('d') !== '' && s.viewOf('d') === 2, 4500)
      for (const letter of late) s.world.network.inject(letter, s.process('c').host)
      s.run(2500)
      s.finish()
    },
  ),
  scenario(
    'first-choice',
    'two of five forget what they chose in the first start: the three that know of it are the only group',
    FIVE,
    (s) => {
      s.drop({ kinds: ['propose'], from: ['a'], to: ['d', 'e'] })
      const stop = s.drop({ kinds: ['install', 'header'], from: ['a'] })
      // The new a leads, which knows nothing.
      const heard = s.drop({ kinds: ['collect'], from: ['c', 'd', 'e'] })
      const late: Letter[] = []
      s.at('install', 'a', (letter) => late.push(letter))
      for (const name of FIVE.roster) s.start(name)
      s.until('a alone knows what was chosen', () => s.viewOf('a') === 1, 1000)
      for (const name of ['a', 'b']) {
        s.kill(name)
        s.start(name)
      }
      s.run(1000)
      heard()
      for (const letter of late)
        for (const name of ['c', 'd', 'e']) s.world.network.inject(letter, s.process(name).host)
      s.run(50)
      stop()
      s.until('all five are one group', () => s.world.settled(), 8000)
      s.finish()
    },
  ),
  scenario(
    'first-choice-heard',
    'one of two that restart in the first start hears a last word of the new view from one that died: all found one group',
    FIVE,
    (s) => {
      s.drop({ kinds: ['propose'], from: ['a'], to: ['d', 'e'] })
      const stop = s.drop({ kinds: ['install'], from: ['a'] })
      const late: Letter[] = []
      s.at('header', 'a', (letter) => late.push(letter))
      for (const name of FIVE.roster) s.start(name)
      s.until('a alone knows what was chosen', () => s.viewOf('a') === 1 && late.length > 0, 1000)
      for (const name of ['a', 'b']) {
        s.kill(name)
        s.start(name)
      }
      for (const letter of late) s.world.network.inject(letter, s.process('b').host)
      stop()
      s.until('all five are one group', () => s.world.settled(), 30_000)
      s.finish()
    },
  ),
  scenario(
    'chosen-unseen',
    'only the coordinator knows what was chosen, and dies: the next one takes it over',
    FIVE,
    (s) => {
      s.form()
      s.publishAndConfirm('b', 100, 3)
      s.drop({ kinds: ['install'], from: ['a'] })
      s.kill('e')
      s.until('a has installed', () => s.viewOf('a') === 2, SUSPECT_MS + CHANGE_MS)
      s.kill('a')
      s.until('b c d go on', () => s.goOn('b c d'), 2 * SUSPECT_MS + 3 * CHANGE_MS)
      s.expect('in the view after', s.viewOf('b') === 3)
      s.finish()
    },
  ),
  scenario(
    'slow-to-install',
    'a member lacks a slot when the others have begun the next view: they still have it',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 100)
      const stop = s.drop({ kinds: ['slot', 'repair'], to: ['c'] })
      s.at(
        'join',
        'd',
        () => s.publish('a'),
        (letter) => letter.envelope?.message.kind === 'join' && letter.envelope.message.wantsIn,
      )
      s.start('d')
      s.until(
        'a, b and d are in the next view',
        () => ['a', 'b', 'd'].every((name) => s.membersAt(name) === 'a b c d'),
        2000,
      )
      s.run(50)
      s.expect('c is not', s.viewOf('c') === 1)
      stop()
      s.until('c is too', () => s.goOn('a b c d'), 200)
      s.finish()
    },
  ),
  scenario(
    'joiner-lacks-slots',
    'a joiner cannot get a slot that it must hold: it is not counted, and the slot is not lost with its sender',
    { roster: ['a', 'c'], others: ['b'] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 100, 2)
      const stop = s.drop({ kinds: ['slot', 'repair', 'propose', 'log'], from: ['a'], to: ['c'] })
      let stopToo = (): void => {}
      s.start('b')
      s.at(
        'join',
        'b',
        () => {
          s.publish('a', 3)
          stopToo = s.drop({ kinds: ['slot', 'repair'], to: ['b'] })
        },
        (letter) => letter.envelope?.message.kind === 'join' && letter.envelope.message.wantsIn,
      )
      s.run(1000)
      // Whoever is in a view holds all of it: a may die as soon as the three are one.
      if (s.membersAt('a') === 'a c b') s.kill('a')
      stop()
      stopToo()
      s.until('all that live are together', () => s.world.settled(), 6000)
      s.expect('nothing is lost', s.confirmedOf('a') === 5)
      s.finish()
    },
  ),
  scenario(
    'survivor-cut',
    "a survivor's events name one that is cut: they are cut too, and sent again in the next view, in order [c4]",
    FIVE,
    (s) => {
      s.form()
      s.publishAndConfirm('d', 100)
      // d's event reaches only e; e's effect reaches everybody; b's event is an effect of e's.
      s.drop({ from: ['d'], to: ['a', 'b', 'c'] })
      s.drop({ kinds: ['repair'] })
      const ids = { b: s.process('b').id, e: s.process('e').id }
      let effects = 0
      s.world.onObserved = (observation) => {
        if (observation.type !== 'received') return
        const { process, rank } = observation
        if ((process !== ids.e || rank !== 3) && (process !== ids.b || rank !== 4)) return
        effects++
        s.world.agenda.after(0.2, () => s.publish(process === ids.e ? 'e' : 'b'))
        if (process === ids.b) s.world.agenda.after(0.6, () => s.publish('b'))
      }
      s.publish('d')
      s.until('e and b publish effects', () => effects === 2, 20)
      s.run(1)
      s.world.onObserved = undefined
      s.kill('d')
      s.kill('e')
      s.until('a b c go on', () => s.goOn('a b c'), SUSPECT_MS + 2 * CHANGE_MS)
      s.until("b's events are in", () => s.confirmedOf('b') === 2, 500)
      s.expect('and nothing else', s.world.log(s.process('c')).events.length === 3)
      s.finish()
    },
  ),

  scenario(
    'flapping',
    'one that is put out again and again: let in later each time, and forgiven later',
    THREE,
    (s) => {
      s.form()
      const waits: number[] = []
      for (let i = 0; i < 5; i++) {
        s.kill('c')
        s.until('a and b go on', () => s.goOn('a b'), SUSPECT_MS + CHANGE_MS)
        s.start('c')
        const began = s.world.now
        s.until('c is back', () => s.goOn('a b c'), 12_000)
        waits.push(s.world.now - began)
      }
      const [first, second, , , last] = waits as [number, number, number, number, number]
      s.expect(`growing waits, not ${waits.map(Math.round)}`, first < 200 && second > 250 && last > 2000)
      s.run(61_000)
      s.kill('c')
      s.until('a and b go on', () => s.goOn('a b'), SUSPECT_MS + CHANGE_MS)
      s.start('c')
      s.until('c is back at once', () => s.goOn('a b c'), 200)
      s.finish()
    },
  ),
  scenario(
    'diverged',
    'one of three has another state at an equal place: it stops, and the others go on',
    { ...THREE, checkers: [] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 100)
      s.world.log(s.process('b')).chain++
      for (let position = s.process('a').position; position < 16; position++) s.publishAndConfirm('a', 100)
      s.until('b has stopped', () => s.world.processes().every(({ name }) => name !== 'b'), 200)
      s.until('a and c go on', () => s.goOn('a c'), SUSPECT_MS + CHANGE_MS)
      s.publishAndConfirm('c', 100)
    },
  ),
  scenario(
    'diverged-two',
    'one of two has another state at an equal place: rank 1 stops, since nobody can tell which is right',
    { ...TWO, checkers: [] },
    (s) => {
      s.form()
      s.world.log(s.process('a')).chain++
      for (let position = s.process('a').position; position < 16; position++) s.publishAndConfirm('a', 100)
      s.until('b has stopped', () => s.world.processes().every(({ name }) => name !== 'b'), 200)
      s.until('a goes on', () => s.goOn('a'), SUSPECT_MS + CHANGE_MS)
    },
  ),

  // ---- found by review

  scenario(
    'donor-behind',
    'the donor of a joiner is cut off and behind the cut: the joiner pulls from the coordinator, and is in at once',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 100, 5)
      // d hears only c at first, and what c has is not enough.
      s.partition(['a', 'b'], ['c', 'd'])
      s.publishAndConfirm('a', 2000, 5)
      s.start('d')
      s.until('d has what c has', () => s.process('d').position === s.process('c').position, 1500)
      for (const name of ['a', 'b']) {
        s.mend('d', name)
        s.mend(name, 'd')
      }
      s.until('d is in', () => s.goOn('a b d'), 1500)
      s.finish()
    },
  ),
  scenario(
    'small-datagrams',
    'the fabric carries less than a full batch: batches are smaller',
    { ...THREE, datagramBytesMax: 32 * 1024 },
    (s) => {
      s.form()
      s.publish('b', 300, 250)
      s.until('all are confirmed', () => s.confirmedOf('b') === 300, 500)
      s.finish()
    },
  ),
  scenario(
    'twin',
    'a living member has a namesake outside, and is paused for a moment: it stays',
    { ...THREE, others: ['c'] },
    (s) => {
      s.form()
      s.start('c')
      s.run(1000)
      s.world.pause(s.world.processes().find(({ isMember, name }) => isMember && name === 'c')!, 120)
      s.run(1000)
      s.expect('still the first view', s.viewOf('a') === 1)
    },
  ),
  scenario(
    'twins-outside',
    'two processes of one name, both outside the group: one of them gets in',
    { ...THREE, others: ['d', 'd'] },
    (s) => {
      s.form()
      s.start('d')
      s.start('d')
      s.until('one is in', () => s.membersAt('a') === 'a b c d', 3000)
      s.run(2000)
      s.expect('and it stays', s.viewOf('a') === 2)
    },
  ),
  scenario(
    'joiner-in-vain',
    'a joiner never gets its Cut: the group is bothered less and less, and never stands still for long',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      s.drop({ kinds: ['cut'] })
      s.start('d')
      for (let began = s.world.now; s.world.now - began < 10_000; s.run(20)) s.publishAndConfirm('b', 200)
      s.expect(`at most 8 changes, not ${s.viewOf('a')}`, s.viewOf('a') <= 8)
    },
  ),
  scenario(
    'lost-pongs',
    'a hint about a member that speaks, and its pongs are lost: it is not suspected',
    THREE,
    (s) => {
      s.form()
      load(s, ['b'], 2000)
      s.drop({ kinds: ['pong'] })
      for (let i = 0; i < 10; i++) {
        s.process('a').hint(s.process('b').incarnation)
        s.run(100)
      }
      s.expect('still the first view', s.viewOf('a') === 1)
      s.finish()
    },
  ),
  scenario(
    'slow-snapshot',
    'each part of a snapshot takes 150 ms: the joiner is in all the same',
    { ...THREE, others: ['d'], settings: { logEntriesMax: 10 }, datagramBytesMax: 16 * 1024 },
    (s) => {
      s.form()
      for (let i = 0; i < 20; i++) s.publishAndConfirm('a', 200, 50)
      s.world.network.slow = (letter) => (letter.envelope?.message.kind === 'chunk' ? 150 : 0)
      s.start('d')
      s.until('d is in', () => s.goOn('a b c d'), 5000)
      s.finish()
    },
  ),

  // ---- what is said again

  ...(['collect', 'state', 'cut', 'ready', 'propose', 'accept', 'install'] as const).map((kind) =>
    scenario(
      `lost-${kind}`,
      `the first ${kind} of a change is lost: it is said again, and the change takes no second attempt`,
      { ...THREE, others: ['d'] },
      (s) => {
        s.form()
        s.at(kind, undefined, () => {
          const stop = s.drop({ kinds: [kind] })
          s.world.agenda.after(3, stop)
        })
        let givenUp = false
        s.world.onOutput = (_, output) => {
          if (output.type === 'note' && output.note.type === 'changeGivenUp') givenUp = true
        }
        s.start('d')
        s.until('d is in', () => s.goOn('a b c d'), 500)
        s.expect('at the first attempt', !givenUp && s.viewOf('a') === 2)
        s.finish()
      },
    ),
  ),

  scenario(
    'long-repair',
    'what one missed fills many datagrams, and one event nearly fills one: it gets all of it',
    { ...THREE, datagramBytesMax: 16 * 1024 },
    (s) => {
      s.form()
      const stop = s.drop({ kinds: ['slot'], from: ['a'], to: ['c'] })
      for (let i = 0; i < 20; i++) {
        s.publish('a', 1, i === 10 ? 16 * 1024 - OVERHEAD_BYTES - 100 : 3000)
        s.run(1)
      }
      stop()
      s.until('all are confirmed', () => s.confirmedOf('a') === 20, 200)
      s.finish()
    },
  ),
  scenario(
    'late-repair',
    'a repair comes when the view is over: it is none of the next view',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      const stop = s.drop({ kinds: ['slot'], from: ['a'], to: ['c'] })
      const late: Letter[] = []
      s.at('repair', 'a', (letter) => late.push(letter))
      s.publishAndConfirm('a', 100)
      stop()
      s.expect('it took a repair', late.length === 1)
      s.start('d')
      s.until('d is in', () => s.goOn('a b c d'), 1000)
      for (const letter of late) s.world.network.inject(letter, s.process('c').host)
      s.publishAndConfirm('a', 100)
      s.finish()
    },
  ),
  scenario(
    'wedged-of-two',
    'what would be safe comes to a wedged member while a joiner is let in: it is not delivered before the next view',
    { ...TWO, others: ['d'] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 100)
      // b hears of no change. It gets a's event late, when the joiner has its Cut, and its effect sorts right after it.
      s.drop({ kinds: ['collect', 'propose', 'install'], to: ['b'] })
      const stop = s.drop({ kinds: ['slot', 'header', 'repair'], from: ['a'], to: ['b'] })
      const late: Letter[] = []
      s.at('slot', 'a', (letter) => late.push(letter))
      const wantsIn = (letter: Letter): boolean =>
        letter.envelope?.message.kind === 'join' && letter.envelope.message.wantsIn
      s.at('join', 'd', () => s.publish('a'), wantsIn)
      s.world.network.slow = (letter) => (letter.envelope?.message.kind === 'ready' ? 10 : 0)
      s.at('ready', 'd', () => {
        stop()
        s.world.onObserved = (observation) => {
          if (observation.type !== 'received' || observation.process !== s.process('b').id) return
          s.world.onObserved = undefined
          s.publish('b')
        }
        for (const letter of late) s.world.network.inject(letter, s.process('b').host)
      })
      s.start('d')
      s.until('a and d go on', () => s.goOn('a d'), 2000)
      s.world.network.slow = () => 0
      s.finish()
    },
  ),
  scenario(
    'joiners-lack-log',
    'two joiners cannot get what was delivered since they wanted in: they are not let in',
    { roster: ['a'], others: ['b', 'c'] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 100, 2)
      s.start('b')
      s.start('c')
      // They ask at the same time.
      const hold = s.drop({ kinds: ['join'], to: ['a'] })
      const asked = new Map<string, Letter>()
      s.watch((letter, from) => {
        const message = letter.envelope?.message
        if (message?.kind === 'join' && message.wantsIn && message.heard.length === 2) asked.set(from.name, letter)
      })
      s.until('both want in', () => asked.size === 2, 1500)
      const stop = s.drop({ kinds: ['log', 'chunk', 'repair'], from: ['a'] })
      s.publishAndConfirm('a', 100, 3)
      hold()
      for (const letter of asked.values()) s.world.network.inject(letter, s.process('a').host)
      s.run(600)
      // Whoever is in a view holds all of it: a may die as soon as the three are one.
      if (s.process('a').view?.members.length === 3) s.kill('a')
      stop()
      s.until('all that live are together', () => s.world.settled(), 6000)
      s.expect('nothing is lost', s.world.log(s.process('b')).events.length === 5)
      s.finish()
    },
  ),
  scenario(
    'full-windows',
    'everybody has a full window and more to say: each acknowledges all the same, and no timer is waited for',
    { ...THREE, settings: { windowSlotsMax: 2, batchBytesMax: 40 } },
    (s) => {
      s.form()
      for (const name of THREE.roster) s.publish(name, 40)
      s.until('all are confirmed', () => THREE.roster.every((name) => s.confirmedOf(name) === 40), 100)
      s.finish()
    },
  ),
  scenario(
    'snapshot-under-load',
    'the order goes on faster than a part of a snapshot is carried: the joiner is in all the same',
    { ...THREE, others: ['d'], settings: { logEntriesMax: 30 }, datagramBytesMax: 16 * 1024 },
    (s) => {
      s.form()
      for (let i = 0; i < 40; i++) s.publishAndConfirm('a', 200, 50)
      s.world.network.slow = (letter) => (letter.envelope?.message.kind === 'chunk' ? 20 : 0)
      load(s, ['a'], 5000)
      s.start('d')
      s.until('d is in', () => s.membersAt('d') === 'a b c d', 4000)
      s.finish()
    },
  ),
  scenario(
    'stale-snapshot',
    'a donor still has a snapshot whose place has left the log: the next joiner gets a new one',
    { roster: ['a'], others: ['d', 'e'], settings: { logEntriesMax: 10 }, datagramBytesMax: 16 * 1024 },
    (s) => {
      s.form()
      for (let i = 0; i < 30; i++) s.publishAndConfirm('a', 200, 50)
      s.start('d')
      s.until('d is in', () => s.goOn('a d'), 3000)
      s.leave('d')
      s.until('d has left', () => s.goOn('a'), 300)
      for (let i = 0; i < 60; i++) s.publishAndConfirm('a', 200)
      s.start('e')
      s.until('e is in', () => s.goOn('a e'), 3000)
      s.finish()
    },
  ),
  scenario(
    'two-groups',
    'two groups of one name can be heard, and the donor of one dies: what the other says is not taken for its order',
    {
      roster: ['a'],
      others: ['a', 'b'],
      datagramBytesMax: 10 * 1024,
      checkers: [],
    },
    (s) => {
      const { network, hosts } = s.world
      network.cut(0, 1)
      network.cut(1, 0)
      const groups = [hosts[0]!, hosts[1]!].map((host) => s.world.start(host))
      s.until('two groups', () => groups.every(({ isMember }) => isMember), 2000)
      for (let i = 1; i <= 100; i++) {
        for (const one of groups) s.world.replica(one).publish(one.host + 1, i, 1000, () => {})
        s.run(1)
      }
      let parts = 0
      let donor: SimulatedProcess | undefined
      s.watch((letter, from) => {
        if (letter.envelope?.message.kind !== 'log' || ++parts !== 3) return
        donor = from
        s.world.kill(from, 'the donor')
      })
      const b = s.start('b')
      s.until('the donor died', () => donor !== undefined, 1000)
      s.run(3000)
      s.expect('b belongs to no other group', !b.isMember && b.position < 101)
    },
  ),
  scenario(
    'rolling-restarts',
    'one leaves and comes back again and again: it is let in at once each time',
    THREE,
    (s) => {
      s.form()
      for (let i = 0; i < 4; i++) {
        s.leave('c')
        s.until('a and b go on', () => !s.process('c').open && s.goOn('a b'), 300)
        s.start('c')
        s.until('c is back', () => s.goOn('a b c'), 250)
      }
      s.finish()
    },
  ),
  scenario(
    'other-settings',
    'one of the roster has other settings: nobody begins with it, and it is told why',
    THREE,
    (s) => {
      s.start('a')
      s.start('b')
      s.world.start(s.world.host('c'), { ...s.world.settings, heartbeatMs: 60 })
      s.run(2000)
      s.expect('no view', s.viewOf('a') === 0 && s.viewOf('b') === 0)
      s.expect('somebody says why', (s.world.turns.counts['joiner refused'] ?? 0) > 0)
      s.kill('c')
      s.start('c')
      s.until('the three are one view', () => s.goOn('a b c'), 2500)
      s.finish()
    },
  ),
  scenario(
    'not-yet-held',
    'one who is asked for slots has some of them: of the others it says nothing, and they are not taken for null',
    THREE,
    (s) => {
      s.form()
      const slots = s.drop({ kinds: ['slot', 'repair'], from: ['a'], to: ['c'] })
      s.publish('a')
      s.run(1)
      const last = s.drop({ kinds: ['slot', 'repair'], from: ['a'], to: ['b'] })
      s.publish('a')
      s.run(60)
      // b has the second one now, and c cannot get it.
      const repairs = s.drop({ kinds: ['repair'], to: ['c'] })
      last()
      s.run(60)
      s.expect('only what all have is confirmed', s.confirmedOf('a') === 1)
      slots()
      repairs()
      s.until('both are', () => s.confirmedOf('a') === 2, 100)
      s.finish()
    },
  ),

  // ---- which choice is taken over

  scenario(
    'newest-choice',
    'two attempts left two accepted proposals, and the newer one is chosen: that one is taken over',
    FIVE,
    (s) => {
      s.form()
      // a alone accepts what it proposes, and stands still.
      s.drop({ kinds: ['propose'], from: ['a'] })
      s.kill('e')
      s.at('propose', 'a', () => s.world.agenda.after(1, () => s.pause('a', 4000)))
      s.until('a stands still', () => s.process('a').paused, SUSPECT_MS + CHANGE_MS)
      // What b c d choose without it only b learns, and dies.
      s.drop({ kinds: ['install'], from: ['b'] })
      s.drop({ kinds: ['propose'], from: ['b'], to: ['a'] })
      s.until('b knows what was chosen', () => s.viewOf('b') === 2, SUSPECT_MS + 2 * CHANGE_MS)
      s.kill('b')
      s.until('c and d go on', () => s.goOn('c d') || s.goOn('c d a'), 4000 + 2 * SUSPECT_MS + 2 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'proposed-twice',
    'a choice is proposed again and accepted by one: an accept of either attempt counts as one of the choice',
    FIVE,
    (s) => {
      s.form()
      // a b c choose a view without e; only a learns of it, and dies.
      for (const name of FIVE.roster.slice(0, 4)) {
        s.cut(name, 'e')
        s.cut('e', name)
      }
      s.drop({ kinds: ['propose'], from: ['a'], to: ['d'] })
      s.drop({ kinds: ['install'], from: ['a'] })
      s.until('a knows what was chosen', () => s.viewOf('a') === 2, SUSPECT_MS + 2 * CHANGE_MS)
      s.kill('a')
      s.mendAll()
      // What b proposes again only b accepts at first.
      const stop = s.drop({ kinds: ['propose'], from: ['b'] })
      let collects = 0
      s.watch((letter, from) => {
        if (from.name !== 'b' || letter.envelope?.message.kind !== 'propose') return
        s.at('collect', 'b', () => collects++)
      })
      s.until('b tries once more', () => collects > 0, 2 * SUSPECT_MS + 3 * CHANGE_MS)
      stop()
      s.until('the four are together', () => s.world.settled(), 3 * SUSPECT_MS + 4 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'silent-voter',
    'of those that chose one is dead and one does not answer: what they chose is taken over for the sake of the third',
    FIVE,
    (s) => {
      s.form()
      for (const name of FIVE.roster.slice(0, 4)) {
        s.cut(name, 'e')
        s.cut('e', name)
      }
      s.drop({ kinds: ['propose'], from: ['a'], to: ['d'] })
      s.drop({ kinds: ['install'], from: ['a'] })
      s.until('a knows what was chosen', () => s.viewOf('a') === 2, SUSPECT_MS + 2 * CHANGE_MS)
      s.kill('a')
      s.pause('b', 5000)
      s.mendAll()
      s.run(4500)
      s.until('the four are together', () => s.world.settled(), 3 * SUSPECT_MS + 4 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'first-choice-lost',
    'two of three forget a proposal of the first start that was never chosen: it is dropped, and the three form one group',
    THREE,
    (s) => {
      const stop = s.drop({ kinds: ['accept'] })
      let accepted = false
      s.at('accept', 'c', () => {
        accepted = true
      })
      for (const name of THREE.roster) s.start(name)
      s.until('c has accepted', () => accepted, 1000)
      for (const name of ['a', 'b']) {
        s.kill(name)
        s.start(name)
      }
      stop()
      s.until('the three are one group', () => s.world.settled(), 8000)
      s.finish()
    },
  ),

  // ---- who accepts, and what counts

  scenario(
    'voters-lack-slots',
    'only its sender has an event when the view changes: nobody accepts before it has it too, so it outlives its sender',
    FIVE,
    (s) => {
      s.form()
      s.publishAndConfirm('a', 100, 2)
      const stop = s.drop({ kinds: ['slot', 'repair'], from: ['a'] })
      s.publish('a', 3)
      s.leave('e')
      s.run(800)
      // Whoever is in a view holds all of it: a may die as soon as it is.
      if (s.viewOf('a') === 2) s.kill('a')
      stop()
      s.until('all that live are together', () => s.viewOf('b') > 1 && s.world.settled(), 6000)
      s.expect('nothing is lost', s.confirmedOf('a') === 5)
      s.finish()
    },
  ),
  scenario(
    'coordinator-lacks-slots',
    'the coordinator cannot get an event of the ending view: it does not propose before it has it',
    { ...FIVE, others: ['f'] },
    (s) => {
      s.form()
      s.publishAndConfirm('b', 100, 2)
      // b's next event reaches only e, and nobody gets it by a repair.
      const stops = [
        s.drop({ kinds: ['slot', 'header'], from: ['b'], to: ['a', 'c', 'd'] }),
        s.drop({ kinds: ['repair'], to: ['a', 'c', 'd', 'f'] }),
      ]
      s.start('f')
      s.at(
        'join',
        'f',
        () => s.publish('b'),
        (letter) => letter.envelope?.message.kind === 'join' && letter.envelope.message.wantsIn,
      )
      s.run(1000)
      // A quorum holds what a view begins with: two may die as soon as one of them is in it.
      if (s.viewOf('b') === 2) for (const name of ['b', 'e']) s.kill(name)
      for (const stop of stops) stop()
      s.until('all that live are together', () => s.world.settled(), 6000)
      s.expect('nothing is lost', s.confirmedOf('b') === 3)
      s.finish()
    },
  ),
  scenario(
    'old-state',
    'an answer to an earlier attempt comes again: it is no answer to the present one',
    FIVE,
    (s) => {
      s.form()
      const stop = s.drop({ kinds: ['state'], to: ['a'] })
      const early: Letter[] = []
      s.at('state', 'c', (letter) => early.push(letter))
      s.cut('d', 'e')
      s.cut('e', 'd')
      s.until('c has answered a', () => early.length > 0, SUSPECT_MS + CHANGE_MS)
      s.partition(['a', 'e'], ['b', 'c', 'd'])
      s.drop({ kinds: ['install'], from: ['b'] })
      s.until('b knows what b c d chose', () => s.viewOf('b') === 2, 2 * SUSPECT_MS + 2 * CHANGE_MS)
      s.kill('b')
      s.mendAll()
      stop()
      const stopToo = s.drop({ kinds: ['state'], from: ['c', 'd'], to: ['a'] })
      let again = false
      s.watch((letter, from) => {
        if (from.name !== 'a' || letter.envelope?.message.kind !== 'collect') return
        again = true
        for (const old of early) s.world.network.inject(old, s.process('a').host)
      })
      s.until('a tries again', () => again, SUSPECT_MS + 2 * CHANGE_MS)
      s.run(1000)
      stopToo()
      s.until('the four are together', () => s.world.settled(), 2 * SUSPECT_MS + 4 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'old-accept',
    'an accept of an earlier attempt comes again: it is no accept of what is proposed now',
    FIVE,
    (s) => {
      s.form()
      s.partition(['a', 'b', 'c', 'd'], ['e'])
      const stops = [
        s.drop({ kinds: ['propose'], from: ['a'], to: ['b', 'd'] }),
        s.drop({ kinds: ['accept'], from: ['c'], to: ['a'] }),
        s.drop({ kinds: ['install'], from: ['a'] }),
        s.drop({ kinds: ['collect'], from: ['b', 'c', 'd', 'e'] }),
      ]
      // Of the first attempt c alone learns, of the second e alone.
      const stop = s.drop({ kinds: ['propose'], from: ['a'], to: ['e'] })
      const early: Letter[] = []
      s.at('accept', 'c', (letter) => early.push(letter))
      s.until('c has accepted', () => early.length > 0, SUSPECT_MS + CHANGE_MS)
      s.mendAll()
      let again = false
      s.at('collect', 'a', () => {
        again = true
        stop()
        stops.push(s.drop({ kinds: ['propose'], from: ['a'], to: ['c'] }))
        s.at('propose', 'a', () => {
          for (const letter of early) s.world.agenda.after(1, () => s.world.network.inject(letter, s.process('a').host))
        })
      })
      s.until('a tries again', () => again, 2 * CHANGE_MS)
      s.run(600)
      if (s.viewOf('a') === 2) s.kill('a')
      for (const stop of stops) stop()
      s.until('all that live are together', () => s.world.settled(), 2 * SUSPECT_MS + 4 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'outrun-collecting',
    'a coordinator answers a higher attempt while it still fetches: it gives its own up',
    { ...FIVE, others: ['f'] },
    (s) => {
      s.form()
      const fetched = standsStillFetching(s)
      // b is answered by a, which goes on now, and by c alone.
      s.at('collect', 'b', () => {
        s.drop({ kinds: ['collect'], from: ['b'], to: ['d', 'e'] })
        s.process('a').resume()
        fetched()
      })
      s.drop({ kinds: ['install'], from: ['a'] })
      s.until('the view changes', () => s.viewOf('a') > 1 || s.viewOf('b') > 1, SUSPECT_MS + 2 * CHANGE_MS)
      s.run(1000)
      s.finish()
    },
  ),
  scenario(
    'outrun-proposing',
    'a coordinator accepts what a higher attempt proposes while it still fetches: it gives its own up',
    { ...FIVE, others: ['f'] },
    (s) => {
      s.form()
      const fetched = standsStillFetching(s)
      // b c d answer b, and a b c accept: b knows, and dies.
      s.drop({ kinds: ['collect'], from: ['b'], to: ['a', 'e'] })
      s.drop({ kinds: ['propose'], from: ['b'], to: ['d', 'e'] })
      s.drop({ kinds: ['install'], from: ['b'] })
      s.at('propose', 'b', () => {
        s.process('a').resume()
        fetched()
      })
      s.until('b knows what was chosen', () => s.viewOf('b') === 2, SUSPECT_MS + 3 * CHANGE_MS)
      s.run(150)
      s.kill('b')
      s.until('what b knew is known', () => s.viewOf('c') > 1, 3 * SUSPECT_MS + 4 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'promise-by-proposal',
    'one hears of an attempt by its proposal alone, and then of an older proposal: it refuses that',
    // b is done before c leads itself.
    { ...FIVE, others: ['f'], settings: { collectWaitMs: 50, cutWaitMs: 10 } },
    (s) => {
      s.form()
      s.drop({ kinds: ['cut'] })
      const stop = s.drop({ kinds: ['propose'], from: ['a'] })
      const late: Letter[] = []
      s.at('propose', 'a', (letter) => {
        late.push(letter)
        s.world.agenda.after(1, () => s.pause('a', 4000))
      })
      s.start('f')
      s.until('a stands still', () => s.process('a').paused, CHANGE_MS)
      stop()
      // b d e answer b, and b c e accept: b knows, and dies.
      s.drop({ kinds: ['collect'], from: ['b'], to: ['c'] })
      s.drop({ kinds: ['propose'], from: ['b'], to: ['a', 'd'] })
      s.drop({ kinds: ['install'], from: ['b'] })
      s.until('b knows what was chosen', () => s.viewOf('b') === 2, SUSPECT_MS + 3 * CHANGE_MS)
      s.kill('b')
      for (const letter of late) s.world.network.inject(letter, s.process('c').host)
      s.process('a').resume()
      s.run(2000)
      s.finish()
    },
  ),

  // ---- who is let in

  scenario(
    'half-heard-joiner',
    'a joiner that one member does not hear: it stays out, and the group is bothered less and less',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      s.cut('d', 'c')
      let in_ = false
      s.world.onOutput = (_, output) => {
        if (output.type === 'view' && output.view.members.length === 4) in_ = true
      }
      s.start('d')
      s.run(10_000)
      s.expect('it was never in', !in_)
      s.expect(`at most 8 changes, not ${s.viewOf('a')}`, s.viewOf('a') <= 8)
      s.finish()
    },
  ),
  scenario(
    'half-deaf-joiner',
    'a joiner that does not hear one member, when the view changes for another reason: it stays out',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      s.cut('c', 'd')
      let in_ = false
      s.world.onOutput = (_, output) => {
        if (output.type === 'view' && output.view.members.some(({ name }) => name === 'd')) in_ = true
      }
      s.start('d')
      s.run(1000)
      s.expect('no change is begun for it', s.viewOf('a') === 1)
      s.kill('b')
      s.until('a and c go on', () => s.goOn('a c'), SUSPECT_MS + CHANGE_MS)
      s.run(1000)
      s.expect('it was never in', !in_)
      s.finish()
    },
  ),
  scenario(
    'strangers',
    'two joiners that do not hear each other: one of them gets in, and the group is bothered less and less',
    { ...THREE, others: ['d', 'e'] },
    (s) => {
      s.form()
      s.cut('d', 'e')
      s.cut('e', 'd')
      let both = false
      s.world.onOutput = (_, output) => {
        if (output.type === 'view' && output.view.members.length === 5) both = true
      }
      // They ask at the same time.
      const stop = s.drop({ kinds: ['join'], from: ['d', 'e'] })
      const asked = new Map<string, Letter>()
      s.watch((letter, from) => {
        if (letter.envelope?.message.kind === 'join' && letter.envelope.message.wantsIn) asked.set(from.name, letter)
      })
      s.start('d')
      s.start('e')
      s.until('both want in', () => asked.size === 2, 1000)
      stop()
      for (const letter of asked.values())
        for (const name of THREE.roster) s.world.network.inject(letter, s.process(name).host)
      s.run(10_000)
      s.expect('never both', !both)
      s.expect(`at most 10 changes, not ${s.viewOf('a')}`, s.viewOf('a') <= 10)
      s.finish()
    },
  ),

  // ---- counterexamples

  scenario('c1', 'accepts of the old view alone: they do not make the next one [c1]', FIVE, (s) => {
    s.form()
    s.publishAndConfirm('a', 100, 3)
    // a does not hear d and e, and proposes without them; the proposal reaches only them.
    s.cut('d', 'a')
    s.cut('e', 'a')
    let stop: (() => void) | undefined
    let installs = 0
    let accepted = false
    s.watch((letter, from) => {
      const kind = letter.envelope?.message.kind
      if (kind === 'install' && !accepted) installs++
      if (kind === 'accept' && (from.name === 'b' || from.name === 'c')) accepted = true
    })
    s.at('propose', 'a', () => {
      stop = s.drop({ kinds: ['propose'], from: ['a'], to: ['b', 'c'] })
      s.mend('d', 'a')
      s.mend('e', 'a')
    })
    s.until('a proposes', () => stop !== undefined, SUSPECT_MS + CHANGE_MS)
    s.run(150)
    s.expect('no Install before b or c has accepted', installs === 0)
    s.kill('a')
    stop?.()
    // What a proposed may have been chosen, so d and e may have to come in again.
    s.until('the four are together', () => s.world.settled(), 3 * SUSPECT_MS + 4 * CHANGE_MS)
    s.finish()
  }),
  scenario('c2', 'most of the roster starts anew beside a living group: no second history [c2]', FIVE, (s) => {
    s.form()
    s.kill('e')
    s.until('four go on', () => s.goOn('a b c d'), SUSPECT_MS + CHANGE_MS)
    s.kill('d')
    s.until('three go on', () => s.goOn('a b c'), SUSPECT_MS + CHANGE_MS)
    s.publishAndConfirm('b', 100, 5)
    s.kill('a')
    s.until('two go on', () => s.goOn('b c'), SUSPECT_MS + CHANGE_MS)
    s.partition(['b', 'c'], ['a', 'd', 'e'])
    for (const name of ['a', 'd', 'e']) s.start(name)
    s.run(4000)
    for (const name of ['a', 'd', 'e']) s.expect(`${name} has no view`, s.viewOf(name) === 0)
    s.publishAndConfirm('c', 100, 5)
    s.mendAll()
    s.until('all five are one group', () => s.world.settled(), 6000)
    s.finish()
  }),
  scenario('c3', 'only the excluded know the Install: they stay to tell it [c3]', { roster: ['b', 'c', 'a'] }, (s) => {
    s.form()
    const stop = s.drop({ kinds: ['install'], to: ['a'] })
    // b leads its own leave, and learns of c's only by its State: so both leave in one change.
    const unheard = s.drop({ kinds: ['header'], from: ['c'], to: ['b'] })
    s.at('collect', 'b', unheard)
    s.leave('b')
    s.leave('c')
    s.run(1000)
    s.expect('the leavers wait until a knows', s.process('b').open || s.process('c').open || s.membersAt('a') === 'a')
    stop()
    s.until('a goes on alone', () => s.goOn('a'), 1500)
    s.until('the leavers are gone', () => s.world.processes().length === 1, 3500)
    s.publishAndConfirm('a', 100)
    s.finish()
  }),
  scenario('c4', 'the cause is beyond the trim: the effect is not delivered without it [c4]', FIVE, (s) => {
    s.form()
    s.publishAndConfirm('d', 100)
    // d's event reaches only b; b's next one reaches everybody.
    const stop = s.drop({ from: ['d'], to: ['a', 'c', 'e'] })
    const repairs = s.drop({ kinds: ['repair'] })
    s.world.onObserved = (observation) => {
      if (observation.type !== 'received' || observation.process !== s.process('b').id || observation.rank !== 3) return
      s.world.onObserved = undefined
      s.world.agenda.after(0.5, () => s.publish('b'))
    }
    s.publish('d')
    s.until('b publishes its effect', () => s.world.onObserved === undefined && s.published.get('b') === 1, 20)
    s.run(0.8)
    s.partition(['b', 'd'], ['a', 'c', 'e'])
    stop()
    repairs()
    s.until('a c e go on', () => s.goOn('a c e'), SUSPECT_MS + 2 * CHANGE_MS)
    s.publishAndConfirm('c', 100)
    const events = (): number => s.world.log(s.process('c')).events.length
    s.expect('neither cause nor effect', events() === 2)
    s.mendAll()
    s.until('cause and effect are in after all', () => s.confirmedOf('d') === 2 && s.confirmedOf('b') === 1, 6000)
    s.expect('each once', events() === 4)
    s.finish()
  }),
  scenario('c5', 'an effect published in the turn of its cause: sorts after it [c5]', THREE, (s) => {
    s.form()
    const ids = { a: s.process('a').id, b: s.process('b').id }
    s.world.onObserved = (observation) => {
      // The checker of the total order compares the places. Of equal slot numbers the lower rank sorts first, so each
      // effect would sort before its cause under the same number.
      if (observation.type === 'received' && observation.process === ids.b && observation.rank === 2) s.publish('b')
      if (observation.type === 'received' && observation.process === ids.a && observation.rank === 1) s.publish('a')
    }
    for (let i = 0; i < 50; i++) {
      s.publish('c')
      s.run(0.7)
    }
    s.until(
      'all are confirmed',
      () => ['a', 'b', 'c'].every((name) => s.confirmedOf(name) === s.published.get(name)),
      200,
    )
    s.expect('there were effects of effects', (s.published.get('a') ?? 0) > 20)
    s.finish()
  }),
  scenario('c5-slow', 'a busy slow member: does not hold up a fast one [c5]', THREE, (s) => {
    s.form()
    s.process('b').turnMs = 30
    for (let i = 0; i < 40; i++) {
      s.publish('b')
      s.publish('a', 10)
      s.run(10)
    }
    s.process('b').turnMs = 0.1
    s.until('everything is confirmed', () => s.confirmedOf('a') === 400 && s.confirmedOf('b') === 40, 250)
    s.finish()
  }),
  scenario('c6a', 'b and c cannot talk to each other and a hears both: a view of two goes on [c6]', THREE, (s) => {
    s.form()
    s.cut('b', 'c')
    s.cut('c', 'b')
    // At once, by their reports: a itself suspects nobody.
    s.until('a goes on with one of them', () => s.goOn('a b') || s.goOn('a c'), SUSPECT_MS + 250)
    s.publishAndConfirm('a', 100)
    s.run(2000)
    s.finish()
  }),
  scenario('c6b', 'a hears only b of five: the others go on without it [c6]', FIVE, (s) => {
    s.form()
    for (const name of ['c', 'd', 'e']) {
      s.cut('a', name)
      s.cut(name, 'a')
    }
    s.until('b c d e go on', () => s.goOn('b c d e'), SUSPECT_MS + 3 * CHANGE_MS)
    s.publishAndConfirm('c', 100)
    s.finish()
  }),
  scenario('c6c', 'a one-way link: the pair is parted and the rest goes on [c6]', FIVE, (s) => {
    s.form()
    s.cut('d', 'b')
    s.until('four go on', () => s.goOn('a b c e') || s.goOn('a c d e'), SUSPECT_MS + 3 * CHANGE_MS)
    s.publishAndConfirm('a', 100)
    s.finish()
  }),
  scenario('c7-no-answer', 'a member that is heard does not answer: the others go on without it [c7]', FIVE, (s) => {
    s.form()
    s.kill('e')
    const stop = s.drop({ kinds: ['collect', 'propose'], to: ['d'] })
    s.until('a b c go on', () => s.goOn('a b c'), SUSPECT_MS + 600)
    stop()
    s.until('d is back', () => s.goOn('a b c d'), 4000)
    s.finish()
  }),
  scenario('c7', 'a member sends and does not hear: nobody waits for it for ever [c7]', THREE, (s) => {
    s.form()
    s.cut('a', 'c')
    s.cut('b', 'c')
    s.until('a and b go on', () => s.goOn('a b'), SUSPECT_MS + 3 * CHANGE_MS)
    s.publishAndConfirm('b', 100)
    s.finish()
  }),
  scenario('c8', 'a wedged member: sends no header and no slot until it installs [c8]', FIVE, (s) => {
    s.form()
    const wedged = new Map<string, number>()
    s.world.onOutput = (process, output) => {
      if (output.type === 'note' && output.note.type === 'wedged') wedged.set(process.id, output.note.view)
      else if (output.type === 'view' || output.type === 'reincarnated') wedged.delete(process.id)
    }
    s.watch((letter, from) => {
      const kind = letter.envelope?.message.kind
      if ((kind === 'header' || kind === 'slot') && wedged.get(from.id) === letter.envelope?.view)
        s.world.fail('SCRIPT', `${from.id} is wedged in view ${letter.envelope?.view} and sends a ${kind}`)
    })
    load(s, ['b', 'c', 'd'], 2500)
    // Late slots go on arriving at members that have wedged, and the change is held up.
    s.world.network.weather = { ...s.world.network.weather, delaySpread: 30, reordering: true }
    s.kill('e')
    s.at('propose', 'a', () => s.drop({ kinds: ['propose'], from: ['a'], to: ['b', 'c', 'd'] }))
    s.run(1600)
    s.expect('some wedged', wedged.size > 0 || s.viewOf('b') > 1)
    s.partition(['a'], ['b', 'c', 'd'])
    s.until('b c d go on', () => s.goOn('b c d'), 2 * SUSPECT_MS + 4 * CHANGE_MS)
    s.finish()
  }),
  scenario(
    'c9a',
    'a slot that only the joiner still has: it serves it [c9]',
    { roster: ['a', 'c'], others: ['b'] },
    (s) => {
      s.form()
      s.publishAndConfirm('a', 100, 2)
      // c misses a's next slot, and the proposal: a and the joiner accept alone.
      s.drop({ kinds: ['slot', 'repair', 'propose', 'install', 'log', 'chunk'], from: ['a'], to: ['c'] })
      s.start('b')
      s.at('cut', 'a', () => {})
      s.until(
        'b is about to want in',
        () => s.process('b').position >= s.process('a').position && s.process('b').view !== undefined,
        1000,
      )
      s.publish('a', 3)
      s.at('install', 'a', () => {
        s.process('a').actsLeft = 1
      })
      s.until('a installs and dies', () => !s.process('a').open, 4000)
      s.until('c and b go on', () => s.goOn('c b'), 2 * SUSPECT_MS + 4 * CHANGE_MS)
      s.finish()
    },
  ),
  scenario(
    'c9b',
    'the Install of a joiner is lost: it becomes a member all the same [c9]',
    { ...THREE, others: ['d'] },
    (s) => {
      s.form()
      load(s, ['a'], 2000)
      const stop = s.drop({ kinds: ['install'], to: ['d'] })
      s.start('d')
      s.until('the others have it in', () => s.membersAt('a') === 'a b c d', 2000)
      s.run(300)
      stop()
      s.until('d knows', () => s.goOn('a b c d'), 1000)
      s.finish()
    },
  ),
  scenario(
    'c9c',
    'one that voted in the first start and hears the group before its Install: becomes a member [c9]',
    THREE,
    (s) => {
      const stop = s.drop({ kinds: ['install'], to: ['c'] })
      for (const name of THREE.roster) s.start(name)
      s.until('a and b have a view', () => s.viewOf('a') === 1 && s.viewOf('b') === 1, 3000)
      s.run(300)
      stop()
      s.until('c is in the same view', () => s.goOn('a b c'), 1000)
      s.expect('still the first view', s.viewOf('a') === 1)
      s.finish()
    },
  ),
  scenario(
    'c10',
    'an old Install comes again to one that was excluded since: does not take it back [c10]',
    THREE,
    (s) => {
      s.form()
      // c is excluded, comes back, and is excluded again: the Install that listed it is kept.
      const installs: Parameters<typeof s.world.network.inject>[0][] = []
      s.watch((letter) => {
        if (letter.envelope?.message.kind === 'install') installs.push(letter)
      })
      s.pause('c', 2500)
      s.until('c is out', () => s.goOn('a b'), SUSPECT_MS + CHANGE_MS)
      s.until('c is back', () => s.goOn('a b c'), 5000)
      s.pause('c', 3000)
      s.until('c is out again', () => s.goOn('a b'), SUSPECT_MS + CHANGE_MS)
      const views = s.viewOf('a')
      for (let i = 0; i < 400; i++) {
        for (const letter of installs) if (i % 10 === 0) s.world.network.inject(letter, s.process('c').host)
        s.run(10)
        if (s.process('c').isMember && s.viewOf('c') > views) break
      }
      s.until('c is back in a newer view', () => s.goOn('a b c') && s.viewOf('c') > views, 4000)
      s.finish()
    },
  ),
  ...[true, false].map((told) =>
    scenario(
      told ? 'c12-told' : 'c12',
      `the fabric is gone for 2 s, ${told ? 'and says so' : 'and does not say so'}: the same view goes on [c12]`,
      THREE,
      (s) => {
        s.form()
        s.publishAndConfirm('a', 100, 5)
        s.world.network.down = true
        if (told) for (const host of s.world.hosts) s.world.network.link(host.index, false)
        s.run(10)
        s.publish('b', 3)
        s.run(2000)
        s.expect(
          'none of them is primary',
          s.world.processes().every((process) => !process.status().primary),
        )
        // c comes back later than the others.
        s.partition(['a', 'b'], ['c'])
        s.world.network.down = false
        for (const host of s.world.hosts) {
          if (told) s.world.network.link(host.index, true)
          s.run(100)
        }
        s.mendAll()
        s.until('all is confirmed', () => s.confirmedOf('b') === 3, 1000)
        s.run(1500)
        s.expect(
          'still the first view',
          ['a', 'b', 'c'].every((name) => s.viewOf(name) === 1),
        )
        s.kill('c')
        s.until('a and b go on', () => s.goOn('a b'), SUSPECT_MS + CHANGE_MS)
        s.finish()
      },
    ),
  ),
  scenario(
    'c12-short',
    'the fabric is gone for a little longer than suspectAfter, for one a little sooner: the same view goes on [c12]',
    THREE,
    (s) => {
      s.form()
      for (const first of THREE.roster) {
        s.run(300)
        s.partition(
          [first],
          THREE.roster.filter((name) => name !== first),
        )
        s.run(70)
        s.world.network.down = true
        s.run(SUSPECT_MS + 50)
        s.world.network.down = false
        s.mendAll()
        s.run(1000)
        s.expect('still the first view', s.viewOf('a') === 1 && s.viewOf('b') === 1 && s.viewOf('c') === 1)
      }
      s.finish()
    },
  ),
  scenario('c12-two', 'of two, rank 0 is told that the fabric is gone: it starts nothing [c12]', TWO, (s) => {
    s.form()
    for (const host of s.world.hosts) s.world.network.link(host.index, false)
    s.run(3000)
    s.expect('still the first view', s.viewOf('a') === 1)
    for (const host of s.world.hosts) s.world.network.link(host.index, true)
    s.run(1000)
    s.expect('still the first view', s.viewOf('a') === 1 && s.viewOf('b') === 1)
    s.publishAndConfirm('b', 100)
    s.finish()
  }),
  scenario('c13', 'one event at a time, from any rank: safe everywhere after two one-way delays [c13]', FIVE, (s) => {
    s.form()
    s.run(200)
    s.world.network.weather = { ...s.world.network.weather, delayMin: 5 }
    for (const process of s.world.processes()) process.turnMs = 0.01
    const slowest = new Map<string, number>()
    for (let i = 0; i < 50; i++) {
      const name = FIVE.roster[i % 5] as string
      const began = s.world.now
      const goal = s.process(name).position + 1
      s.publish(name)
      s.until('all have it', () => s.world.processes().every((one) => one.position >= goal), 100)
      slowest.set(name, Math.max(slowest.get(name) ?? 0, s.world.now - began))
    }
    // Looked at once a millisecond.
    for (const [name, ms] of slowest)
      s.expect(`events of ${name} take two delays, not ${(ms / 5).toFixed(1)}`, ms <= 11.5)
    s.finish()
  }),
  scenario('c14', 'all send in step: no timer is waited for, and few headers are sent [c14]', THREE, (s) => {
    s.form()
    s.run(200)
    s.world.network.weather = { ...s.world.network.weather, delayMin: 2 }
    s.world.sent = {}
    for (let i = 0; i < 40; i++) {
      for (const name of THREE.roster) s.publish(name)
      s.until('all three are confirmed', () => THREE.roster.every((name) => s.confirmedOf(name) === i + 1), 6)
    }
    const { slot = 0, header = 0 } = s.world.sent
    s.expect(`at most three headers a slot, not ${header} for ${slot}`, header <= 3 * slot + 40)
    s.finish()
  }),
  scenario(
    'c14-ask',
    'an acknowledgement is lost: asked for, long before the next heartbeat [c14]',
    { ...THREE, settings: { heartbeatMs: 400 } },
    (s) => {
      s.form()
      s.run(450)
      for (let i = 0; i < 10; i++) {
        const stop = s.drop({ kinds: ['header'], from: ['c'] })
        s.publish('a')
        s.run(5)
        stop()
        s.until('the event is confirmed', () => s.confirmedOf('a') === i + 1, 60)
        s.run(100)
      }
      s.finish()
    },
  ),
  scenario(
    'c15',
    'a proposal that was accepted by one and cannot have been chosen: it is not adopted [c15]',
    FIVE,
    (s) => {
      s.form()
      for (const name of ['d', 'e']) {
        s.cut('a', name)
        s.cut(name, 'a')
      }
      s.drop({ kinds: ['propose'], from: ['a'], to: ['c', 'd', 'e'] })
      s.drop({ kinds: ['accept'], from: ['b'], to: ['a'] })
      s.at('accept', 'b', () => s.kill('a'))
      s.until('b has accepted what a proposed', () => !s.process('a').open, SUSPECT_MS + 3 * CHANGE_MS)
      s.until('b c d e go on', () => s.goOn('b c d e'), 2 * SUSPECT_MS + 4 * CHANGE_MS)
      s.expect('at once, not by way of a view with a in it', s.viewOf('b') === 2)
      s.kill('c')
      s.until('b d e go on', () => s.goOn('b d e'), SUSPECT_MS + CHANGE_MS)
      s.publishAndConfirm('e', 100)
      s.finish()
    },
  ),
  scenario('c16', 'a member that says it lives and takes no slot: put out, though it answers [c16]', THREE, (s) => {
    s.form()
    const stop = s.drop({ kinds: ['slot', 'repair'], to: ['c'] })
    s.publish('a', 3)
    s.run(1500)
    s.expect('not before its time', s.viewOf('a') === 1)
    s.until('a and b go on', () => s.goOn('a b'), 1500 + CHANGE_MS)
    s.expect('the events are in', s.confirmedOf('a') === 3)
    stop()
    s.until('c is back', () => s.goOn('a b c'), 6000)
    s.finish()
  }),
  scenario(
    'far-apart',
    'one is further away than the others, under constant load: it is always the last to have something, and stays',
    THREE,
    (s) => {
      s.form()
      s.world.network.slow = (letter) => (letter.from.name === 'c' ? 30 : 0)
      load(s, ['a'], 4000)
      s.run(4000)
      s.expect('still the first view', s.viewOf('a') === 1 && s.viewOf('b') === 1 && s.viewOf('c') === 1)
      s.finish()
    },
  ),
  scenario('c17-alone', 'a view of one: found again by those who start anew [c17]', THREE, (s) => {
    s.form()
    s.kill('c')
    s.until('a and b go on', () => s.goOn('a b'), SUSPECT_MS + CHANGE_MS)
    s.kill('b')
    s.until('a goes on', () => s.goOn('a'), SUSPECT_MS + CHANGE_MS)
    s.run(2000)
    s.start('b')
    s.start('c')
    s.until('all are together', () => s.world.settled(), 4000)
    s.publishAndConfirm('c', 100)
    s.finish()
  }),
  scenario(
    'c17-retry',
    'a retry meets its own first copy in the queue: answered with it, and in once [c17]',
    { ...THREE, settings: { windowSlotsMax: 1 } },
    (s) => {
      s.form()
      const stop = s.drop({ kinds: ['header', 'slot'], from: ['c'] })
      const replica = s.world.replica(s.process('a'))
      let answers = 0
      for (let i = 0; i < 20; i++) {
        replica.publish(1, 1, 10, () => answers++)
        s.run(5)
      }
      stop()
      s.until('it is answered', () => answers > 0, 500)
      s.expect('it is in once', s.world.log(s.process('a')).events.length === 1 && s.world.undelivered().length === 0)
      s.finish()
    },
  ),
  scenario(
    'c17-lost-coordinator',
    'a wedged member whose coordinator is gone is heard by one that is not: the change goes on [c17]',
    { ...THREE, settings: { suspectAfterMs: 3000, stallAfterMs: 4000 } },
    (s) => {
      s.form()
      // Only c gets the Collect, and a, which sent it for b's sake, dies at once.
      s.drop({ kinds: ['collect'], from: ['a'], to: ['b'] })
      s.cut('b', 'a')
      s.at('state', 'c', () => s.kill('a'))
      s.until('a is dead', () => !s.process('a').open, 3000 + CHANGE_MS)
      // Long before b suspects a: that c is wedged is reason enough.
      s.until('b is wedged, or further', () => s.process('b').member.status().wedged || s.viewOf('b') > 1, 1050)
      s.until('b and c go on', () => s.goOn('b c'), 3000 + CHANGE_MS)
      s.finish()
    },
  ),
]

/** The levels at which this replica is shown slots, from now on, where only the script asks for it. */
function shownAt(s: Script, name: string): string[] {
  const shown: string[] = []
  const process = s.process(name)
  ;(process.replica as LogReplica).earlyReaders = false
  process.driver.showEarly(false)
  s.world.onOutput = (by, output) => {
    if (by === process && output.type === 'early') shown.push(output.level)
  }
  return shown
}

/** Publishes an event now and then at these replicas, as long as they live. */
function load(s: Script, names: readonly string[], ms: number): void {
  const until = s.world.now + ms
  for (const name of names) {
    const process = s.process(name)
    const next = (): void => {
      if (s.finishing || s.world.now > until || !process.open) return
      s.publish(name)
      s.world.agenda.after(4 + 3 * names.indexOf(name), next)
    }
    next()
  }
}

/** A joiner makes a lead, and a lacks an event of d's, and stands still before it gets it. Gives what lets it have it. */
function standsStillFetching(s: Script): () => void {
  const stops = [
    s.drop({ kinds: ['slot', 'header'], from: ['d'], to: ['a'] }),
    s.drop({ kinds: ['repair'], to: ['a'] }),
  ]
  s.drop({ kinds: ['cut'] })
  s.at(
    'join',
    'f',
    () => s.publish('d'),
    (letter) => letter.envelope?.message.kind === 'join' && letter.envelope.message.wantsIn,
  )
  s.start('f')
  const fetches = (): boolean => s.process('a').member.status().wedged
  s.until('a collects', fetches, CHANGE_MS)
  s.run(2)
  s.pause('a', 10_000)
  return () => {
    for (const stop of stops) stop()
  }
}
