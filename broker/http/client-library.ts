// The client library for pages: `import { connect } from 'http://replica/client.js'`, from a page on any host. It is
// bundled when it is first asked for, once for all replicas of the process.

import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type { Routes } from './context.ts'

interface Library {
  readonly etag: string
  readonly encoded: { readonly [encoding in (typeof ENCODINGS)[number]]: Buffer }
}

/** The first of them that the browser takes. */
const ENCODINGS = ['br', 'gzip', 'identity'] as const

let library: Promise<Library> | undefined

export function clientLibraryRoutes(routes: Routes): void {
  routes.get('/client.js', async (ctx) => {
    library ??= makeLibrary()
    const { etag, encoded } = await library
    const encoding = ENCODINGS.find((one) => ctx.acceptsEncodings(one)) ?? 'identity'
    ctx.status = 200
    ctx.vary('Accept-Encoding')
    // Whoever has it asks whether it is still the same: after an upgrade of the replica it is another one.
    ctx.set({ ETag: etag, 'Cache-Control': 'no-cache' })
    if (ctx.fresh) {
      ctx.status = 304
      return
    }
    ctx.set('Content-Type', 'text/javascript; charset=utf-8')
    if (encoding !== 'identity') ctx.set('Content-Encoding', encoding)
    ctx.body = encoded[encoding]
  })
}

async function makeLibrary(): Promise<Library> {
  try {
    // Loaded here: a replica that nobody asks has no use for a bundler.
    const { bundleClient } = await import('../../clients/bundle.ts')
    const identity = Buffer.from(await bundleClient())
    const [br, gzipped] = await Promise.all([promisify(brotliCompress)(identity), promisify(gzip)(identity)])
    const digest = createHash('sha256').update(identity).digest('base64url')
    return { etag: `W/"${digest}"`, encoded: { br, gzip: gzipped, identity } }
  } catch (error) {
    library = undefined // The next request tries again.
    throw new Error('The client library for browsers could not be bundled.', { cause: error })
  }
}
