// What can be done to a group that lives in one process, as any of its replicas that runs takes it. One that stands still
// answers nobody, so it is not asked; and one that is to go down is asked last.

import type { Problem } from '../contract.ts'

export interface PlayedReplica {
  readonly name: string
  readonly url: string
  readonly condition: 'running' | 'paused' | 'killed'
}

export interface PlayState {
  readonly replicas: readonly PlayedReplica[]
  /** Who is on one side of a cut; empty: there is none. */
  readonly cut: readonly string[]
  readonly loss: number
}

export type Act =
  | { readonly act: 'pause' | 'resume' | 'kill' | 'restart'; readonly replica: string }
  | { readonly act: 'cut'; readonly side: readonly string[] }
  | { readonly act: 'heal' | 'anew' }
  | { readonly act: 'loss'; readonly share: number }

const ANSWER_MS = 8000
/** A restart takes the longest: a replica reads all of its sources, on a machine that may be busy. */
const DONE_MS = 30_000

/** Where the group at this address can be played with; undefined: nowhere. */
export async function findPlay(replica: string): Promise<string | undefined> {
  return ((await ask(new URL('/v1/cluster', replica))) as { play?: string }).play
}

/** As the first says that answers. */
export async function readPlay(path: string, addresses: readonly string[]): Promise<PlayState> {
  const [address, ...others] = addresses
  if (address === undefined) throw new Error('No replica answers.')
  try {
    return (await ask(new URL(path, address))) as PlayState
  } catch {
    return await readPlay(path, others)
  }
}

/** The state after it. Throws an `Error` that says why it was not done. */
export async function perform(path: string, state: PlayState, { act, ...body }: Act): Promise<PlayState> {
  const target = 'replica' in body ? body.replica : undefined
  const running = runningOf(state)
  const asked = running.find(({ name }) => name !== target) ?? running[0]
  if (asked === undefined) throw new Error('No replica runs that could be asked.')
  const request = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
  return (await ask(new URL(`${path}/${act}`, asked.url), request, DONE_MS)) as PlayState
}

export function runningOf({ replicas }: PlayState): readonly PlayedReplica[] {
  return replicas.filter(({ condition }) => condition === 'running')
}

async function ask(url: URL, init: RequestInit = {}, withinMs = ANSWER_MS): Promise<unknown> {
  const signal = AbortSignal.timeout(withinMs)
  const { ok, answer } = await fetch(url, { ...init, signal })
    .then(async (response) => ({ ok: response.ok, answer: (await response.json()) as unknown }))
    .catch((error: Error) => {
      const late = `${url.host} did not answer within ${withinMs / 1000} s. What it was asked for may still be done.`
      throw new Error(signal.aborted ? late : error.message, { cause: error })
    })
  if (ok) return answer
  throw new Error((answer as Problem).detail)
}
