// The client as a package: what its users get from a registry, packed and installed as there.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import test from 'ava'
import { build, stop } from 'esbuild'
import { WebSocket } from 'ws'
import { bundleClient } from '../../clients/bundle.ts'
import { connect } from '../../clients/src/index.ts'
import { Group } from './group.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BYTES_MAX = 12 * 1024

// Before the others: there is one bundler at a time.
test.serial('the bundle for browsers is under 12 KiB compressed', async (t) => {
  const bundle = await bundleClient()
  const [gzip, brotli] = [gzipSync(bundle, { level: 9 }).length, brotliCompressSync(bundle).length]
  t.log(`${bundle.length} bytes minified, ${gzip} with gzip, ${brotli} with Brotli`)
  t.true(gzip < BYTES_MAX && brotli < BYTES_MAX)
})

test('another WebSocket is handed in: the one of the package ws fits, and is used', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders')
  let opened = 0
  class Counted extends WebSocket {
    constructor(url: string, subprotocol: string) {
      super(url, subprotocol)
      opened++
    }
  }
  const client = connect({ replicas: group.urls, WebSocket: Counted })
  t.teardown(() => client.close())
  t.is((await client.publish('orders', 1)).offset, 1)
  const { value } = await client.topic<number>('orders').subscribe({ from: 'start' }).next()
  t.like(value, { kind: 'event', data: 1 })
  t.is(opened, 1)
})

const PROGRAM = `
import { connect, LockstepError } from '@lockstep/client'
const { WebSocket } = process.argv[3] === undefined ? {} : await import(process.argv[3])
const client = connect({ replicas: process.argv[2], WebSocket })
const orders = client.topic('orders')
const { offset } = await orders.publish({ n: 1 })
const refused = await orders.publish({ n: 'one' }).catch((error) => error)
for await (const item of orders.subscribe({ from: 'start' })) {
  const isError = refused instanceof LockstepError
  console.log(JSON.stringify({ offset, data: item.data, isError, code: refused.code, path: refused.errors[0].path }))
  break
}
client.close()
`

/** Would not be accepted if its types were not there, or were \`any\`. */
const TYPED = `
import { type Client, connect, type Event, LockstepError, type Published } from '@lockstep/client'
interface Order { readonly n: number }
const client: Client = connect({ replicas: ['http://127.0.0.1:7400'], WebSocket })
const orders = client.topic<Order>('orders')
export const published: Promise<Published> = orders.publish({ n: 1 }, { key: 'k', signal: AbortSignal.timeout(1000) })
// @ts-expect-error
void orders.publish({ n: 'one' })
// @ts-expect-error
connect({ replica: 'http://127.0.0.1:7400' })
export async function first(): Promise<Event<Order> | undefined> {
  for await (const item of orders.subscribe({ from: 'start' })) {
    if (item.kind === 'event') return item
    // @ts-expect-error
    item.data
  }
  return undefined
}
export const codeOf = (error: unknown): string => (error instanceof LockstepError ? error.code : 'none')
`

test('packed, installed elsewhere and imported by its name: it works, is typed, and needs nothing else', async (t) => {
  t.timeout(100_000)
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-package-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const run = async (program: string, ...args: string[]): Promise<string> => {
    // npm and what it runs: under the Node.js of this test.
    const PATH = `${dirname(process.execPath)}:${process.env['PATH']}`
    const ran = promisify(execFile)(program, args, { cwd: folder, env: { ...process.env, PATH } })
    const { stdout } = await ran.catch((error: { stdout?: string; stderr?: string; message: string }) => {
      throw new Error(`${error.message}\n${error.stdout}${error.stderr}`)
    })
    return stdout
  }
  const pack = ['pack', '--prefix', join(ROOT, 'clients'), '--pack-destination', folder, '--json']
  const packed = await run('npm', ...pack, join(ROOT, 'clients'))
  // Before it come the words of the build.
  const [{ filename, files }] = JSON.parse(packed.slice(packed.lastIndexOf('\n[') + 1)) as [
    { filename: string; files: { path: string }[] },
  ]
  const paths = files.map(({ path }) => path)
  t.true(['README.md', 'PROTOCOL.md', 'dist/index.js', 'dist/index.d.ts'].every((path) => paths.includes(path)))
  t.deepEqual(
    paths.filter((path) => !/^(README\.md|PROTOCOL\.md|package\.json|dist\/(LICENSE|[a-z-]+\.(js|d\.ts)))$/.test(path)),
    [],
    'and no sources, tests or examples',
  )

  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  await run('npm', 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${filename}`)
  const tree = JSON.parse(await run('npm', 'ls', '--all', '--json')) as { dependencies: Record<string, object> }
  t.deepEqual(Object.keys(tree.dependencies), ['@lockstep/client'])
  t.false('dependencies' in tree.dependencies['@lockstep/client']!)

  const group = await Group.start(t, 1)
  await group.putTopic('orders', {
    schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
  })
  writeFileSync(join(folder, 'program.mjs'), PROGRAM)
  const expected = { data: { n: 1 }, isError: true, code: 'INVALID_EVENT', path: '/n' }
  const [url] = group.urls as [string]
  t.deepEqual(JSON.parse(await run(process.execPath, 'program.mjs', url)), { offset: 1, ...expected })
  const ws = import.meta.resolve('ws')
  const withWs = await run(process.execPath, '--no-experimental-websocket', 'program.mjs', url, ws)
  t.deepEqual(JSON.parse(withWs), { offset: 2, ...expected }, 'with a WebSocket that was handed in')
  const without = await t.throwsAsync(run(process.execPath, '--no-experimental-websocket', 'program.mjs', url))
  t.regex(without?.message ?? '', /TypeError: there is no WebSocket here: hand one in/)

  const { metafile } = await build({
    ...{ stdin: { contents: PROGRAM, resolveDir: folder }, absWorkingDir: folder, platform: 'browser', format: 'esm' },
    ...{ bundle: true, write: false, metafile: true },
  })
  t.deepEqual(Object.keys(metafile.inputs), ['node_modules/@lockstep/client/dist/browser.js', '<stdin>'])
  await stop()

  writeFileSync(join(folder, 'typed.ts'), TYPED)
  const compilerOptions = { strict: true, noEmit: true, target: 'es2022', lib: ['es2022', 'dom'], types: [] }
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    const options = { ...compilerOptions, module, moduleResolution }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['typed.ts'] }))
    await t.notThrowsAsync(run(process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'))
  }
})
