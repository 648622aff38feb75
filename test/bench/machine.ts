// Where and when something was measured: without it a number says nothing.

import { cpus } from 'node:os'
import { versionOfServer } from './processes.ts'

export async function describeMachine(): Promise<Record<string, unknown>> {
  const all = cpus()
  return {
    processor: all[0]?.model ?? 'unknown',
    cores: all.length,
    node: process.version,
    'nats-server': await versionOfServer(),
    date: new Date().toISOString(),
  }
}
