// What `lockstep pub` promises whoever restarts it: killed in the middle, as often as you like, it goes on behind what is in.

import test from 'ava'
import { connect } from '../../clients/src/index.ts'
import { Group } from '../clients/group.ts'
import { commandAt, runAt } from './lockstep.ts'

const LINES = 20_000

test('pub --publisher, killed by SIGKILL three times in the middle and run again: every line is in once, in order', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('orders')
  const lines = Array.from({ length: LINES }, (_, i) => `${JSON.stringify({ n: i + 1, filler: 'x'.repeat(80) })}\n`)
  const args = ['pub', 'orders', '--publisher', 'import-1']
  const published = async (): Promise<number> => {
    const response = await fetch(`${group.urls[0]}/v1/topics/orders`)
    return ((await response.json()) as { offset: number }).offset
  }

  let before = 0
  for (const least of [1, 5000, 12_000]) {
    const command = commandAt(t, group, args, 'open')
    // The last line is kept back: it cannot have come to its end before it is killed.
    command.stdin.write(lines.slice(0, -1).join(''))
    while ((await published()) < Math.max(least, before + 1)) {
      if (!command.running) return t.fail(`it ended by itself: ${command.stderr}`)
    }
    command.signal('SIGKILL')
    t.is((await command.ended()).code, null)
    before = await published()
  }
  t.true(before < LINES)

  const { code, stderr } = await runAt(t, group, args, lines.join(''))
  t.is(code, 0, stderr)
  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  const numbers: number[] = []
  const { seq: until } = (await (await fetch(`${group.urls[0]}/v1/cluster`)).json()) as { seq: number }
  for await (const item of client.subscribe<{ n: number }>(['orders'], { from: 'start', until })) {
    if (item.kind !== 'event') return t.fail(`a ${item.kind}`)
    numbers.push(item.data.n)
  }
  t.deepEqual(
    numbers,
    lines.map((_, i) => i + 1),
  )
})

test('pub, ended by Ctrl-C: says how many are safe, exits with 130, and goes on behind them', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders')
  const args = ['pub', 'orders', '--publisher', 'import-2']
  const command = commandAt(t, group, args, 'open')
  command.stdin.write('{"n":1}\n{"n":2}\n')
  while (((await (await fetch(`${group.urls[0]}/v1/topics/orders`)).json()) as { offset: number }).offset < 2) {
    if (!command.running) return t.fail(`it ended by itself: ${command.stderr}`)
  }
  // Both are in, and their answers under way.
  command.signal('SIGINT')
  const { code, stderr } = await command.ended()
  t.is(code, 130)
  t.regex(stderr, /^lockstep: interrupted: the first [012] are safe; the same command goes on behind them\n$/)
  t.is((await runAt(t, group, args, '{"n":1}\n{"n":2}\n{"n":3}\n')).code, 0)
  const { stdout } = await runAt(t, group, ['topics', 'orders', '--json'])
  t.is((JSON.parse(stdout) as { offset: number }).offset, 3)
})
