// Prometheus' own tool, which knows what a metric, a rule or a text of metrics must look like: by its word, not by ours.

import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import test from 'ava'

const HOW_TO_GET =
  'No promtool found: what needs it is skipped. Get it (Debian, Ubuntu: apt-get install prometheus; ' +
  'macOS: brew install prometheus) or set PROMTOOL=/path/to/promtool.'

const program = findPromtool()
if (program === undefined) {
  if (process.env['CI'] === 'true') throw new Error(HOW_TO_GET)
  console.error(HOW_TO_GET)
}

/** `test` where there is a promtool, and otherwise `test.skip`. */
export const promtoolTest: typeof test.skip = program === undefined ? test.skip : test

/** What it says, and with which code it ends. */
export function promtool(args: readonly string[], input = ''): { readonly code: number | null; readonly said: string } {
  if (program === undefined) throw new Error(HOW_TO_GET)
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8', timeout: 60_000 })
  if (error !== undefined) throw error
  return { code: status, said: stdout + stderr }
}

/** The path of the program; undefined: there is none. `PROMTOOL` is taken at its word. */
function findPromtool(): string | undefined {
  const chosen = process.env['PROMTOOL']
  if (chosen) return chosen
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, 'promtool')).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
