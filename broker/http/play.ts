// Play with a group that lives in one process: pause, kill and restart its replicas, cut the fabric, lose datagrams. Only
// `lockstep dev` has it; elsewhere there is nothing at these paths. Whoever reaches a replica may do it, but no page of
// somebody else's through the browser of a person who has both open: acts are JSON, and from pages of the group itself.

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { BrokerError } from '../errors.ts'
import { type Bodies, mediaType } from './body.ts'
import { answer, type Context, type Routes } from './context.ts'
import { malformed, parseJson } from './json.ts'
import { PROBLEM_TYPE, statusProblem } from './problem.ts'
import { faultsOf } from './schema-registry.ts'

/** Paused: as a stopped process, it neither does nor answers anything, and its connections stay open. */
export type Condition = 'running' | 'paused' | 'killed'

export interface PlayedReplica {
  readonly name: string
  readonly url: string
  readonly condition: Condition
}

export interface PlayState {
  readonly replicas: readonly PlayedReplica[]
  /** Those on one side of the cut, to whom the others have no connection by the fabric; empty: there is no cut. */
  readonly cut: readonly string[]
  /** Share of all datagrams that is lost. */
  readonly loss: number
}

export type Act =
  | { readonly act: 'pause' | 'resume' | 'kill' | 'restart'; readonly replica: string }
  | { readonly act: 'cut'; readonly side: readonly string[] }
  | { readonly act: 'heal' }
  | { readonly act: 'loss'; readonly share: number }
  /** All of them are killed, and a new group begins, without any events. */
  | { readonly act: 'anew' }

export interface Play {
  /** Whether pages of this origin may act: those that a replica of the group has served. */
  isOwn(origin: string): boolean
  state(): Promise<PlayState>
  /**
   * The state after it. Refusals are thrown as `BrokerError`. An act on the very replica that is asked is done when
   * `answered` resolves, as its client would not hear of it otherwise.
   */
  perform(act: Act, answered: Promise<void>): Promise<PlayState>
}

export const PLAY_PATH = '/dev/play'
export const LOSS_MAX = 0.9
const BODY_BYTES_MAX = 4096
const DEPTH_MAX = 4
const NAME = { type: 'string', minLength: 1, maxLength: 64 }
const ON_ONE = { replica: NAME }
const BODIES: { readonly [act in Act['act']]: object } = {
  pause: ON_ONE,
  resume: ON_ONE,
  kill: ON_ONE,
  restart: ON_ONE,
  cut: { side: { type: 'array', items: NAME, minItems: 1, maxItems: 30, uniqueItems: true } },
  heal: {},
  loss: { share: { type: 'number', minimum: 0, maximum: LOSS_MAX } },
  anew: {},
}

export function playRoutes(routes: Routes, play: Play, bodies: Bodies): void {
  const ajv = new Ajv2020({ strict: true, ownProperties: true })

  routes.get(PLAY_PATH, async (ctx) => {
    answer(ctx, 200, await play.state())
  })

  for (const [act, properties] of Object.entries(BODIES)) {
    const required = Object.keys(properties)
    const isBody = ajv.compile({ type: 'object', properties, required, additionalProperties: false })
    routes.post(`${PLAY_PATH}/${act}`, async (ctx) => {
      if (isOfStranger(ctx, play)) {
        const detail = 'This page is not of the group; only a page that a replica has served may play with it.'
        return answer(ctx, 403, statusProblem(403, detail).problem, PROBLEM_TYPE)
      }
      const body = await readBody(ctx, bodies, isBody)
      const { promise: answered, resolve } = Promise.withResolvers<void>()
      ctx.res.once('close', resolve)
      answer(ctx, 200, await play.perform({ act, ...body } as Act, answered))
    })
  }
}

/** What `Access-Control-Allow-Origin` says at a path; '': nothing, so a page of that origin gets no answer. */
export function originAllowed(path: string, origin: string, play: Play | undefined): string {
  if (play === undefined || !path.startsWith(PLAY_PATH)) return '*'
  return play.isOwn(origin) ? origin : ''
}

/** Browsers say where a page is from whenever it posts; other programs, like curl, say nothing. */
function isOfStranger(ctx: Context, play: Play): boolean {
  const origin = ctx.get('Origin')
  return origin !== '' && !play.isOwn(origin)
}

async function readBody(ctx: Context, bodies: Bodies, isBody: ValidateFunction): Promise<object> {
  // Also against strangers: a page may post other types anywhere without being asked for its origin.
  if (mediaType(ctx) !== 'application/json') {
    const detail = "What to do must be application/json. With curl: -H 'Content-Type: application/json'."
    throw new BrokerError('UNSUPPORTED_MEDIA', detail)
  }
  const body = await bodies.read(ctx, BODY_BYTES_MAX)
  const span = { start: 0, end: body.length }
  const { value } = parseJson(body, span, { what: 'the body', path: '', depthMax: DEPTH_MAX })
  if (isBody(value)) return value as object
  const [fault = { path: '', message: 'is not understood' }] = faultsOf(isBody.errors)
  throw malformed(fault.path, fault.message)
}
