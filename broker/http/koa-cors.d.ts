// `@koa/cors` brings no types; these are the options used here.
declare module '@koa/cors' {
  import type { Context, Middleware } from 'koa'
  export default function cors(options: {
    readonly origin?: string | ((ctx: Context) => string)
    readonly allowMethods?: readonly string[]
    readonly allowHeaders?: readonly string[]
    readonly exposeHeaders?: readonly string[]
    readonly maxAge?: number
  }): Middleware
}
