// What browsers are given, made of sources. The client library as one file: the package holds it, and replicas serve it
// at `/client.js`, so that a page finds the same client wherever it takes it from. And the live console, a page that
// replicas serve at `/`.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type OutputFile, stop } from 'esbuild'

export interface BundledFile {
  readonly name: string
  readonly type: string
  readonly contents: Uint8Array
}

const LIBRARY = fileURLToPath(new URL('src/index.ts', import.meta.url))
const CONSOLE = new URL('console/', import.meta.url)

/** An ES module, minified, that imports nothing. */
export async function bundleClient(): Promise<Uint8Array> {
  const [file] = await bundle({ entryPoints: [LIBRARY] })
  return file!.contents
}

/** The page, and all that it loads. */
export async function bundleConsole(): Promise<BundledFile[]> {
  const [bundled, page, icon] = await Promise.all([
    bundle({ entryPoints: [fileURLToPath(new URL('main.ts', CONSOLE))], outdir: 'console', entryNames: 'console' }),
    readFile(new URL('index.html', CONSOLE)),
    readFile(new URL('icon.svg', CONSOLE)),
  ])
  const made = (ending: string): Uint8Array => bundled.find(({ path }) => path.endsWith(ending))!.contents
  return [
    { name: 'index.html', type: 'text/html; charset=utf-8', contents: page },
    { name: 'icon.svg', type: 'image/svg+xml', contents: icon },
    { name: 'console.js', type: 'text/javascript; charset=utf-8', contents: made('.js') },
    { name: 'console.css', type: 'text/css; charset=utf-8', contents: made('.css') },
  ]
}

let running: Promise<unknown> = Promise.resolve()

/** One after another: esbuild works in a process of its own, which all that use it here have in common, and which is ended afterwards. */
function bundle(options: BuildOptions): Promise<OutputFile[]> {
  const bundled = running.then(() => bundleNow(options))
  running = bundled.catch(() => {})
  return bundled
}

async function bundleNow(options: BuildOptions): Promise<OutputFile[]> {
  try {
    const { outputFiles } = await build({
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      tsconfigRaw: {}, // That of the project is about Node.js.
      logLevel: 'silent', // What is wrong is in the error.
      ...options,
      write: false,
    })
    return outputFiles
  } finally {
    await stop()
  }
}
