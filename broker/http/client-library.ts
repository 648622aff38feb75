// The client library for pages: `import { connect } from 'http://replica/client.js'`, from a page on any host. It is
// bundled when it is first asked for, once for all replicas of the process.

import { BundledFile } from './bundled-file.ts'
import type { Routes } from './context.ts'

let library: Promise<BundledFile> | undefined

export function clientLibraryRoutes(routes: Routes): void {
  routes.get('/client.js', async (ctx) => {
    library ??= makeLibrary()
    const file = await library
    file.answer(ctx)
  })
}

async function makeLibrary(): Promise<BundledFile> {
  try {
    // Loaded here: a replica that nobody asks has no use for a bundler.
    const { bundleClient } = await import('../../clients/bundle.ts')
    return await BundledFile.make('text/javascript; charset=utf-8', await bundleClient())
  } catch (error) {
    library = undefined // The next request tries again.
    throw new Error('The client library for browsers could not be bundled.', { cause: error })
  }
}
