// The last line of a run in CI, and its exit code, must not say "passed" when something went wrong in any way.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const tool = fileURLToPath(new URL('../../tools/count-tests.js', import.meta.url))

function count(script: string, seconds = 20): { status: number | null; lines: string[] } {
  const command = [tool, String(seconds), process.execPath, '-e', script]
  const { status, stdout } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  return { status, lines: stdout.trimEnd().split('\n') }
}

const say = (...lines: string[]): string => `console.log(${JSON.stringify(lines.join('\n'))})`

test('all passed: counted without the skipped, and passed on', (t) => {
  const { status, lines } = count(
    say('ok 1 - a', '# a comment', 'ok 2 - b # SKIP', 'ok 5 - d # skip for now', 'ok 3 - c', '    ok 4 - indented'),
  )
  t.is(status, 0)
  t.is(lines.at(-1), '2 passed, 0 failed')
  t.is(lines[0], 'ok 1 - a')
})

for (const [what, script, last, seconds] of [
  ['one failed', `${say('ok 1 - a', 'not ok 2 - b')}; process.exitCode = 1`, '1 passed, 1 failed'],
  ['one failed, but the command says success', say('ok 1 - a', 'not ok 2 - b'), '1 passed, 1 failed'],
  ['all passed, but the command says failure', `${say('ok 1 - a')}; process.exitCode = 3`, '1 passed, 1 failed'],
  ['a crash after the first', `${say('ok 1 - a')}; process.kill(process.pid, 'SIGKILL')`, '1 passed, 1 failed'],
  ['nothing ran', say('1..0'), '0 passed, 1 failed'],
  ['only skipped ones', say('ok 1 - a # SKIP'), '0 passed, 1 failed'],
  ['a run that hangs', `${say('ok 1 - a')}; setInterval(() => {}, 1000)`, '1 passed, 1 failed', 1],
] as const) {
  test(`${what}: failed`, (t) => {
    const { status, lines } = count(script, seconds)
    t.is(lines.at(-1), last)
    t.is(status, 1)
  })
}

test('what failed is said once more at the end', (t) => {
  const { lines } = count(
    say('ok 1 - a', 'not ok 2 - b › c # TODO 3', '  ---', 'ok 3 - d', 'not ok 4 - test 4', 'not ok 5 - e # TODO'),
  )
  t.deepEqual(lines.slice(-3), ['Failed: b › c # TODO 3', 'Failed: test 4', '2 passed, 2 failed'])
})

test('a command that is not there: failed', (t) => {
  const { status, stdout } = spawnSync(process.execPath, [tool, '5', 'no-such-command'], { encoding: 'utf8' })
  t.is(stdout.trimEnd().split('\n').at(-1), '0 passed, 1 failed')
  t.is(status, 1)
})
