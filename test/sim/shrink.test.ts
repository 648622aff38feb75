// Long runs and small ones: what was run is remembered in ranges, and a failing plan is made as small as it still fails.

import test from 'ava'
import { loadEdited } from './edited-protocol.ts'
import { drawPlan, FAULTS } from './plan.ts'
import { Chance } from './random.ts'
import { shrink } from './shrink.ts'
import { type RunResult, simulate } from './simulation.ts'
import { type Change, SPARABLE, smaller } from './smaller.ts'
import { SeedSet } from './summary.ts'
import { VARIANTS } from './variants.ts'

test('a set of seeds: in any order, it has what was put in, and comes back from its text', (t) => {
  const chance = new Chance(4)
  const set = new SeedSet('')
  const seeds = chance.shuffle(Array.from({ length: 400 }, (_, i) => i + 1)).slice(0, 250)
  for (const seed of seeds) set.add(seed)
  for (const seed of seeds) set.add(seed)
  for (const same of [set, new SeedSet(set.toString())]) {
    t.is(same.size, 250)
    for (let seed = 1; seed <= 400; seed++) t.is(same.has(seed), seeds.includes(seed))
    t.is(same.countIn(100, 200), seeds.filter((seed) => seed >= 100 && seed <= 200).length)
  }
  t.is(new SeedSet('1-3,5').toString(), '1-3,5')
  const joined = new SeedSet('1-3,5')
  joined.add(4)
  t.is(joined.toString(), '1-5')
})

test('a smaller plan: without a fault, the others strike when and as they did', (t) => {
  let seed = 1
  while (new Set(drawPlan(seed).strikes.map(({ fault }) => fault)).size < 3) seed++
  const plan = drawPlan(seed)
  const [first] = plan.strikes
  const without = smaller(plan, { without: [first?.fault ?? '', 'loss', 'joiners'], publishers: 1, members: 2 })
  t.deepEqual(
    without.strikes,
    plan.strikes.filter(({ fault }) => fault !== first?.fault),
  )
  t.true(without.strikes.length > 0)
  t.is(without.weather.loss, 0)
  t.deepEqual(without.others, [])
  t.is(without.workload.publishers, 1)
  t.is(without.roster.length, 2)
  const until = smaller(plan, { untilMs: 3000, ambushes: [] })
  t.true(until.strikes.every(({ atMs }) => atMs < 3000) && until.ambushes.length === 0)
  t.throws(() => smaller(plan, { without: ['rain'] }), { message: /--without rain: one of .*loss.*pause/ })
  for (const name of [...SPARABLE, ...FAULTS]) t.notThrows(() => smaller(plan, { without: [name] }))
})

test('a failing seed shrinks: to fewer strikes that break the same guarantee', async (t) => {
  const variant = VARIANTS.find(({ name }) => name === 'chosen-by-one')
  if (variant === undefined) return t.fail('the variant is gone')
  const broken = await loadEdited(variant)
  const run = (seed: number, change: Change = {}): RunResult => broken.simulate(seed, { change })
  let seed = 1
  while (seed < 200 && run(seed).failure === undefined) seed++
  const first = run(seed)
  t.truthy(first.failure, 'no seed catches it')
  const { change, result } = shrink(
    first,
    (less) => run(seed, less),
    () => {},
  )
  t.is(result.failure?.id, first.failure?.id)
  t.deepEqual(run(seed, change).failure, result.failure)
  const before = drawPlan(seed)
  const after = smaller(before, change)
  t.true(after.strikes.length + after.ambushes.length < before.strikes.length + before.ambushes.length)
  t.is(simulate(seed, { change }).failure, undefined, 'the right protocol passes the same plan')
})
