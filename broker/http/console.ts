// The live console: a page at `/` for people with a browser, made of `clients/console/`. It is bundled when it is first
// asked for, once for all replicas of the process. Programs that ask for `/` are told how to begin, in plain text.

import { BrokerError } from '../errors.ts'
import { BundledFile } from './bundled-file.ts'
import type { Context, Routes } from './context.ts'

/**
 * What the page may do. All that it runs and shows comes from its own replica, nothing is inline, and no text becomes markup. It
 * may connect to other hosts, since it goes on at another replica when its own is gone; where the replicas of later views
 * will be, nobody knows when the page is loaded.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self' http: https: ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

let files: Promise<ReadonlyMap<string, BundledFile>> | undefined

export function consoleRoutes(routes: Routes): void {
  routes.get('/', async (ctx) => {
    ctx.vary('Accept')
    // Browsers ask for HTML; curl takes anything, and gets what fits a terminal.
    if (ctx.accepts('text/plain', 'text/html') !== 'text/html') return tellHowToBegin(ctx)
    ctx.set({
      'Content-Security-Policy': POLICY,
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Opener-Policy': 'same-origin',
    })
    await answerFile(ctx, 'index.html')
  })

  routes.get('/console/:file', async (ctx) => {
    await answerFile(ctx, ctx.params['file'] as string)
  })
}

async function answerFile(ctx: Context, name: string): Promise<void> {
  files ??= makeFiles()
  const file = (await files).get(name)
  if (file === undefined) throw new BrokerError('NOT_FOUND', 'The console has no such file. It is at /.')
  file.answer(ctx)
}

async function makeFiles(): Promise<ReadonlyMap<string, BundledFile>> {
  try {
    // Loaded here: a replica that nobody looks at has no use for a bundler.
    const { bundleConsole } = await import('../../clients/bundle.ts')
    const bundled = await bundleConsole()
    const made = bundled.map(
      async ({ name, type, contents }) => [name, await BundledFile.make(type, contents)] as const,
    )
    return new Map(await Promise.all(made))
  } catch (error) {
    files = undefined // The next request tries again.
    throw new Error('The console could not be bundled.', { cause: error })
  }
}

function tellHowToBegin(ctx: Context): void {
  const host = /^[\w.:[\]-]+$/.test(ctx.host) ? ctx.host : 'localhost'
  ctx.set('Content-Type', 'text/plain; charset=utf-8')
  ctx.body = [
    `curl -X PUT http://${host}/v1/topics/hello`,
    `curl -N 'http://${host}/v1/events?topics=hello&from=start'`,
    `curl http://${host}/v1/topics/hello/events -H 'Content-Type: application/json' -d '{"greeting":"hello"}'`,
    '',
  ].join('\n')
}
