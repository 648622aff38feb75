// What a route is given, and the one way in which it answers with JSON.

import type { RouterContext, RouterInstance } from '@koa/router'
import type { Outcome } from '../errors.ts'

export interface RequestState {
  /** Set while a publish is handled: what is known of its events, should it fail in an unforeseen way. */
  outcome?: Outcome
}

export type Context = RouterContext<RequestState>
export type Routes = RouterInstance<RequestState>

export function answer(ctx: Context, status: number, value: unknown, type = 'application/json'): void {
  ctx.status = status
  ctx.set('Content-Type', type)
  ctx.body = `${JSON.stringify(value)}\n` // The line end is for people with a terminal.
}
