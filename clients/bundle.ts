// The client library as one file for browsers. The package holds it, and replicas serve it at `/client.js`: both get it
// here, so that a page finds the same client wherever it takes it from.

import { fileURLToPath } from 'node:url'
import { build, stop } from 'esbuild'

const ENTRY = fileURLToPath(new URL('src/index.ts', import.meta.url))

/**
 * An ES module, minified, that imports nothing. One call at a time: esbuild works in a process of its own, which all
 * that use it here have in common, and which is ended afterwards.
 */
export async function bundleClient(): Promise<Uint8Array> {
  try {
    const { outputFiles } = await build({
      entryPoints: [ENTRY],
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      tsconfigRaw: {}, // That of the project is about Node.js.
      write: false,
      logLevel: 'silent', // What is wrong is in the error.
    })
    return outputFiles[0]!.contents
  } finally {
    await stop()
  }
}
