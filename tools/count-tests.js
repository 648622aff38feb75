// Runs a test command that speaks TAP, passes its output on, and closes with the plain line `N passed, N failed`. Fails
// unless the command ended by itself with success and at least one test passed and none failed: a crash, a run that hangs
// and a run of nothing are failures.
//
//   node tools/count-tests.js <time limit in seconds> <command> <argument> ...

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const [limit, program, ...args] = process.argv.slice(2)
if (!(Number(limit) > 0) || program === undefined) {
  console.error('usage: node tools/count-tests.js <time limit in seconds> <command> <argument> ...')
  process.exit(2)
}

let passed = 0
const failures = []
let trouble = ''

// In a process group of its own, so that at the time limit nothing of it is left running.
const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
const timer = setTimeout(() => {
  trouble = `not done within ${limit} s`
  process.kill(-child.pid, 'SIGKILL')
}, Number(limit) * 1000)

child.on('error', (error) => {
  trouble = error.message
})

createInterface({ input: child.stdout }).on('line', (line) => {
  console.log(line)
  const [, result, title] = /^(ok|not ok) \d+(?: - )?(.*)$/.exec(line) ?? []
  // In doubt it did not pass: a title may look like a directive, and is not escaped.
  if (result === 'ok' && !/# (?:SKIP|TODO)/i.test(title)) passed++
  if (result === 'not ok' && !/# (?:SKIP|TODO)$/.test(title)) failures.push(title)
})

child.on('close', (code, signal) => {
  if (signal && !trouble) trouble = `ended by ${signal}`
  if (code && failures.length === 0) trouble ||= `exit code ${code}`
  clearTimeout(timer)
  if (!trouble && passed + failures.length === 0) trouble = 'no test ran'
  if (trouble) failures.push(`${program} ${args.join(' ')}: ${trouble}`)
  // Once more, for who reads only the last lines.
  for (const failure of failures) console.log(`Failed: ${failure}`)
  console.log(`${passed} passed, ${failures.length} failed`)
  process.exitCode = failures.length === 0 ? 0 : 1
})
