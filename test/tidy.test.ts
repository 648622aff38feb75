// Which way imports point, and what may stand in the pure parts. Direction and purity only; it has no opinion on length
// or taste. Each complaint says what to do instead.

import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Where `here` matches a file, it may import only what `may` matches: a path from the root, or a package. */
const DIRECTIONS: { here: RegExp; may: RegExp; instead: string }[] = [
  {
    here: /^broker\/group\//,
    may: /^broker\/group\/|^node:assert$/,
    instead: 'the group is pure: hand it in as an input, a setting or an argument',
  },
  {
    here: /^broker\/events\//,
    may: /^broker\/events\/|^node:assert$|^node:zlib$/,
    instead: 'the replicated state is pure: put it into the command, or hand it in',
  },
  {
    here: /^broker\/http\//,
    may: /^broker\/http\/|^broker\/errors\.ts$|^(?!broker\/)[@a-z]/,
    instead: 'declare what http needs in http/operations.ts, and let the broker have it',
  },
  {
    here: /^broker\/fabric\//,
    may: /^broker\/fabric\/|^broker\/errors\.ts$|^(?!broker\/)[@a-z]/,
    instead: 'a fabric carries bytes and knows nothing of the group',
  },
  {
    here: /^broker\/(?!cli\/)/,
    may: /^(?!broker\/cli\/(?!run\.ts$))/,
    instead: 'what runs a replica knows nothing of commands: hand it in',
  },
  {
    here: /^clients\//,
    may: /^(?!broker\/)/,
    instead: 'clients share only schemas/ and the protocol with the broker',
  },
  {
    here: /^dashboards\//,
    may: /^dashboards\/|^node:fs$/,
    instead: 'dashboards are data; that replicas expose what they ask for is for tests to see',
  },
]

/** Each outside package has one home in the broker. */
const HOMES: { imported: RegExp; home: RegExp }[] = [
  { imported: /^(nats|@nats-io\/.*)$/, home: /^broker\/fabric\/nats(-transport)?\.ts$/ },
  { imported: /^(koa|@koa\/.*)$/, home: /^broker\/http\// },
  { imported: /^ws$/, home: /^broker\/http\// },
  { imported: /^prom-client$/, home: /^broker\/metrics\// },
  { imported: /^ajv(-formats)?(\/.*)?$/, home: /^broker\/(config\.ts$|http\/)/ },
  { imported: /^pino$/, home: /^broker\/log\.ts$/ },
  { imported: /^@opentelemetry\/.*$/, home: /^broker\/tracing\.ts$/ },
  { imported: /^json-schema-to-typescript$/, home: /^broker\/cli\/topic-types\.ts$/ },
  { imported: /^esbuild$/, home: /^clients\/bundle\.ts$/ },
  { imported: /^(yaml|@prometheus-io\/lezer-promql)$/, home: /^test\/dashboards\// },
]

const PURE = /^broker\/(group|events)\//
const IMPURE: [RegExp, string][] = [
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bhrtime\b/, 'take `now` from the input'],
  [/\bMath\.random\b|\bcrypto\b/, 'take a Random in the constructor'],
  [/\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bnextTick\b/, 'let the tick drive it'],
  [/\bprocess\.|\bglobalThis\b/, 'hand the value in'],
  [/\bconsole\./, 'put out a note, and let the driver log it'],
  [/\bPromise\b|\basync\b|\bawait\b/, 'return outputs; whoever waits is outside'],
  [/\bIntl\b|\.toLocale|\.localeCompare\b/, 'compare by code unit: locales differ between replicas'],
  [/from 'node:zlib'/, 'import { crc32 } only: nothing else of it is needed here'],
]

/** What ties the project to one place. Written so that this file does not complain of itself. */
const FOREIGN: [RegExp, string][] = [
  [/(?<![\w-])[s]hared\//, 'say it here: that folder is not part of the project'],
  [/[r]egistry\.[a-z0-9-]+\.|"resolved": "https?:/, 'leave registries to .npmrc; npm ci in a clean clone'],
  [/(?<![\w.])\/(?:[w]ork|[r]oot|[h]ome)\//, 'take the path from import.meta.url, or from os.tmpdir()'],
]

function complaints(path: string, text: string): string[] {
  const found: string[] = []
  for (const [pattern, instead] of FOREIGN) {
    const hit = pattern.exec(text)
    if (hit) found.push(`${path}: ${hit[0]} — ${instead}`)
  }
  if (!/\.(ts|js)$/.test(path)) return found

  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*/g, '')
  for (const [, specifier] of code.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)'([^'\n]+)'/g)) {
    const imported = specifier!.startsWith('.') ? posix.join(posix.dirname(path), specifier!) : specifier!
    const wrong = DIRECTIONS.find(({ here, may }) => here.test(path) && !may.test(imported))
    if (wrong) found.push(`${path}: imports ${imported} — ${wrong.instead}`)
    const homeless = HOMES.find(
      (one) => path.startsWith('broker/') && one.imported.test(imported) && !one.home.test(path),
    )
    if (homeless) found.push(`${path}: imports ${imported} — its only home is ${homeless.home.source}`)
  }
  if (!PURE.test(path)) return found

  for (const [pattern, instead] of IMPURE) {
    const hit = pattern.exec(code.replace(/import \{ crc32 \} from 'node:zlib'/, ''))
    if (hit) found.push(`${path}: ${hit[0]} — ${instead}`)
  }
  return found
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) return /^(node_modules|\.git|dist|build)$/.test(entry.name) ? [] : filesUnder(path)
    return entry.isFile() && !/\.(log|png|ico|woff2?)$|^\.(env|git)$/.test(entry.name) ? [path] : []
  })
}

test('imports point down, the pure parts are pure, and nothing names a place outside the project', (t) => {
  const files = filesUnder('')
  t.true(files.includes('broker/group/view.ts') && files.includes('broker/fabric/nats.ts'), 'the files are found')
  t.deepEqual(
    files.flatMap((path) => complaints(path, readFileSync(join(ROOT, path), 'utf8'))),
    [],
  )
})

for (const [path, text, complaint] of [
  ['broker/group/a.ts', 'const at = Date.now()', 'Date.now — take `now`'],
  ['broker/group/a.ts', 'setTimeout(x, 1)', 'setTimeout — let the tick'],
  ['broker/events/a.ts', 'const dice = Math.random', 'Math.random — take a Random'],
  ['broker/events/a.ts', 'const x = await y', 'await — return outputs'],
  ['broker/events/a.ts', "import { gzip } from 'node:zlib'", "from 'node:zlib' — import { crc32 } only"],
  [
    'broker/events/a.ts',
    "import type { View } from '../group/view.ts'",
    'imports broker/group/view.ts — the replicated',
  ],
  [
    'broker/group/a.ts',
    "import { State } from '../events/state.ts'",
    'imports broker/events/state.ts — the group is pure',
  ],
  ['broker/group/a.ts', "import fs from 'node:fs'", 'imports node:fs — the group is pure'],
  ['broker/http/a.ts', "const x = await import('../broker.ts')", 'imports broker/broker.ts — declare'],
  ['broker/fabric/a.ts', "export { x } from '../group/view.ts'", 'imports broker/group/view.ts — a fabric'],
  ['broker/fabric/a.ts', "import { connect } from 'nats'", 'imports nats — its only home'],
  ['broker/main.ts', "import Koa from 'koa'", 'imports koa — its only home'],
  ['broker/http/a.ts', "import { Gauge } from 'prom-client'", 'imports prom-client — its only home'],
  ['broker/broker.ts', "import { Ajv2020 } from 'ajv/dist/2020.js'", 'imports ajv/dist/2020.js — its only home'],
  ['broker/http/a.ts', "import { trace } from '@opentelemetry/api'", 'imports @opentelemetry/api — its only home'],
  ['broker/main.ts', "import 'pino'", 'imports pino — its only home'],
  ['broker/http/a.ts', "import { build } from 'esbuild'", 'imports esbuild — its only home'],
  ['broker/config.ts', "import { parse } from 'yaml'", 'imports yaml — its only home'],
  [
    'broker/replica.ts',
    "import { x } from './cli/dev/group.ts'",
    'imports broker/cli/dev/group.ts — what runs a replica',
  ],
  ['clients/a.ts', "import '../broker/errors.ts'", 'imports broker/errors.ts — clients share'],
  [
    'dashboards/a.ts',
    "import '../broker/metrics/metrics.ts'",
    'imports broker/metrics/metrics.ts — dashboards are data',
  ],
  ['README.md', ['see ../shar', 'ed/x'].join(''), 'that folder is not part'],
  ['package-lock.json', ['https://regis', 'try.example.org/x'].join(''), 'leave registries'],
  ['test/a.ts', ["spawn('/wo", "rk/x')"].join(''), 'take the path'],
] as const) {
  test(`complains: ${path}: ${text}`, (t) => {
    const found = complaints(path, text)
    t.is(found.length, 1)
    t.true(found[0]!.startsWith(`${path}: `) && found[0]!.includes(complaint), found[0])
  })
}

test('does not complain of what only looks alike', (t) => {
  const text = `
    // Date.now is not used, nor await; see 'node:fs'.
    /* console.log */
    import { crc32 } from 'node:zlib'
    import assert from 'node:assert'
    import { has } from './view.ts'
    const time = new Date(ms).toISOString()
  `
  t.deepEqual(complaints('broker/events/a.ts', text), [])
  t.deepEqual(complaints('test/bench/raw.ts', "import { connect } from 'nats'"), [])
})
