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

/** A restart takes the longest. */
const ANSWER_MS = 8000

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
  return (await ask(new URL(`${path}/${act}`, asked.url), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })) as PlayState
}

export function runningOf({ replicas }: PlayState): readonly PlayedReplica[] {
  return replicas.filter(({ condition }) => condition === 'running')
}

async function ask(url: URL, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_MS) })
  const answer = (await response.json()) as unknown
  if (response.ok) return answer
  throw new Error((answer as Problem).detail)
}
