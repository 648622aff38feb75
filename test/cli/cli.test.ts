import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { CONFIG_KEYS } from '../../broker/config.ts'
import { Lockstep, objects, SCRIPT } from './lockstep.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

test('--help names the commands, and each command its flags', async (t) => {
  const general = await new Lockstep(['--help']).ended()
  t.is(general.code, 0)
  t.regex(general.stdout, /^ {2}start +runs one replica/m)
  t.regex(general.stdout, /^ {2}dev +runs a group/m)
  const start = await new Lockstep(['start', '--help']).ended()
  t.is(start.code, 0)
  for (const { flag } of CONFIG_KEYS) t.true(start.stdout.includes(`--${flag}`), flag)
  t.regex(start.stdout, /LOCKSTEP_SUSPECT_AFTER_MS/)
  for (const line of start.stdout.split('\n')) t.true(line.length <= 100, line)
  const dev = await new Lockstep(['dev', '--help']).ended()
  t.regex(dev.stdout, /--replicas N/)
  t.notRegex(dev.stdout, /--roster/)
})

test('--version', async (t) => {
  t.like(await new Lockstep(['--version']).ended(), { code: 0, stdout: `${version}\n` })
})

test('called wrongly: a sentence that says what, on stderr, and exit code 2', async (t) => {
  const calls: [string[], RegExp][] = [
    [[], /Usage: lockstep COMMAND/],
    [['stop'], /There is no command "stop"; there are: start, dev/],
    [['start', '--nonsense'], /Unknown option '--nonsense'; `lockstep start --help` lists all flags/],
    [['start', '--tick-ms', 'soon'], /--tick-ms takes a whole number, and was given "soon"/],
    [['start', '--data-dir', '/tmp'], /--data-dir: this version keeps everything in memory/],
    [['start', '--durability', 'sync'], /--durability sync: this version/],
    [['start', '--log-format', 'xml'], /--log-format must be .* auto, json, text, and is "xml"\. How log lines/],
    [['start', 'now'], /Unexpected argument 'now'/],
    [['dev', '--replicas', '0'], /--replicas takes a whole number from 1 to 9, and was given "0"/],
    [['dev', '--stall-after-ms', '10'], /--stall-after-ms must be >= 20/],
  ]
  await Promise.all(
    calls.map(async ([args, pattern]) => {
      const { code, stdout, stderr } = await new Lockstep(args).ended()
      t.is(code, 2, args.join(' '))
      // A refused configuration is a line of the log, too.
      if (/^\{/.test(stdout)) t.like(JSON.parse(stdout), { level: 'fatal', msg: 'the configuration is refused' })
      else t.is(stdout, '', args.join(' '))
      t.regex(stderr, pattern)
      t.notRegex(stderr, /\n +at /, 'a stack trace is no sentence')
    }),
  )
})

test('dev: a group is there, the lines that it prints work, and SIGTERM ends it with 0', async (t) => {
  const lockstep = new Lockstep(['dev', '--port', '0'])
  t.teardown(() => lockstep.signal('SIGKILL'))
  await lockstep.printed(/Ctrl-C ends it/)
  const lines = lockstep.stdout.split('\n').filter((line) => line.startsWith('  curl '))
  t.is(lines.length, 4)
  if (spawnSync('curl', ['--version']).status !== 0) t.log('no curl here: the printed lines were not tried')
  else {
    const [create, subscribe, publish, cluster] = lines as [string, string, string, string]
    const shell = async (line: string): Promise<string> => (await promisify(execFile)('sh', ['-c', line])).stdout
    t.like(JSON.parse(await shell(create)), { topic: 'greetings', schemaVersion: 1 })
    t.like(JSON.parse(await shell(publish)), { offset: 1, duplicate: false })
    // One that ends by itself: the printed one goes on until it is stopped.
    t.regex(await shell(subscribe.replace('from=start', 'from=start&limit=1')), /data: .*"data":\{"text":"hello"\}/)
    t.like(JSON.parse(await shell(cluster)), { primary: true })
    const commands = lockstep.stdout.split('\n').filter((line) => /^ {2}.*npx lockstep/.test(line))
    t.is(commands.length, 4)
    const [tail, pub, bench] = commands.map((line) => line.replace('npx lockstep', `'${process.execPath}' '${SCRIPT}'`))
    await shell(pub!)
    t.regex(await shell(tail!.replace('--follow', '-n 2')), /"text":"hello"[^\n]*\n[^\n]*"text":"hello again"/)
    t.like(JSON.parse(await shell(`${bench} --seconds 1 --rate 50`)), { ok: true })
  }
  lockstep.signal('SIGTERM')
  t.is((await lockstep.ended()).code, 0)
})

test('dev: a port in use is named, and nothing is left running', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const { code, stderr } = await new Lockstep(['dev', '--port', String(port), '--replicas', '1']).ended()
  server.close()
  t.is(code, 2)
  t.regex(stderr, new RegExp(`127\\.0\\.0\\.1:${port} is in use by another process`))
  t.regex(stderr, /--port/)
})

test('start without a NATS server: says so, waits, and is stopped by SIGINT', async (t) => {
  const lockstep = new Lockstep(['start', '--name', 'a', '--listen', '127.0.0.1:0', '--nats', 'nats://127.0.0.1:1'])
  t.teardown(() => lockstep.signal('SIGKILL'))
  const [line] = await lockstep.printed(/^.*"level":"warn".*$/m)
  t.like(JSON.parse(line), { replica: 'a' })
  await lockstep.printed(/"msg":"started"/)
  lockstep.signal('SIGINT')
  t.is((await lockstep.ended()).code, 0)
})

test('told to stop while it starts: stopped as at any other time', async (t) => {
  const lockstep = new Lockstep(['start', '--name', 'a', '--listen', '127.0.0.1:0', '--nats', 'nats://127.0.0.1:1'])
  t.teardown(() => lockstep.signal('SIGKILL'))
  await lockstep.printed(/\n/) // Its first line, which comes before it listens.
  lockstep.signal('SIGINT')
  const { code, stdout } = await lockstep.ended()
  t.is(code, 0)
  t.regex(stdout, /"msg":"stopped"/)
})

test('a configuration that is refused: told on stderr, and to whatever collects logs; exit code 2', async (t) => {
  const args = ['start', '--name', 'x', '--heartbeat-ms', '900', '--topics-max', 'many']
  const { code, stdout, stderr } = await new Lockstep(args).ended()
  t.is(code, 2)
  const [line, ...rest] = objects(stdout)
  t.deepEqual(rest, [])
  t.like(line, { level: 'fatal', replica: 'x', msg: 'the configuration is refused' })
  t.is(stderr, line.problems.map((problem: string) => `lockstep: ${problem}\n`).join(''))
  t.regex(line.problems.join('\n'), /^--topics-max takes a whole number, and was given "many"\. /m)
})

test('--log-format text: lines for people, also in a pipe', async (t) => {
  const args = ['--listen', '127.0.0.1:0', '--nats', 'nats://127.0.0.1:1', '--log-format', 'text']
  const lockstep = new Lockstep(['start', '--name', 'a', ...args])
  t.teardown(() => lockstep.signal('SIGKILL'))
  await lockstep.printed(/^\d\d:\d\d:\d\d\.\d{3} info {2}a {2}started {2}group=lockstep roster=a listen=http:\S+$/m)
  t.regex(lockstep.stdout, / warn {2}a {2}the fabric has a problem {2}problem="NATS server 127\.0\.0\.1:1: .*"\n/)
  lockstep.signal('SIGTERM')
  t.is((await lockstep.ended()).code, 0)
  t.regex(lockstep.stdout, / info {2}a {2}leaving the group\n[\s\S]* info {2}a {2}stopped {2}reason=\S.*\n$/)
})

const onLinux = process.platform === 'linux' ? test : test.skip
onLinux("a replica's memory comes in large pages, unless somebody has set otherwise", async (t) => {
  const flags = ['--name', 'a', '--nats', 'nats://127.0.0.1:1', '--listen', '127.0.0.1:0']
  const tunablesOf = async (environment: { [variable: string]: string }): Promise<string | undefined> => {
    const lockstep = new Lockstep(['start', ...flags], { environment })
    t.teardown(() => lockstep.signal('SIGKILL'))
    await lockstep.printed(/started/)
    const variables = readFileSync(`/proc/${lockstep.pid}/environ`, 'utf8').split('\0')
    lockstep.signal('SIGTERM')
    t.is((await lockstep.ended()).code, 0)
    return variables.find((variable) => variable.startsWith('GLIBC_TUNABLES='))
  }
  t.is(await tunablesOf({}), 'GLIBC_TUNABLES=glibc.malloc.hugetlb=1')
  t.is(await tunablesOf({ GLIBC_TUNABLES: '' }), 'GLIBC_TUNABLES=')
})

test('a start keeps what was made of the sources in the folder of the project, unless another one is named', async (t) => {
  const saidWith = async (folder: string): Promise<string> => {
    const environment = { NODE_COMPILE_CACHE: folder, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }
    const { stdout, stderr } = await new Lockstep(['--version'], { environment }).ended()
    return stdout + stderr
  }
  const own = fileURLToPath(new URL('../../node_modules/.cache/lockstep', import.meta.url))
  const named = join(tmpdir(), `lockstep-cache-${process.pid}`)
  t.teardown(() => rmSync(named, { recursive: true, force: true }))
  for (const [folder, used, other] of [
    ['', own, named],
    [named, named, own],
  ] as const) {
    const said = await saidWith(folder)
    t.true(said.includes(`resolved path ${used} `), said)
    t.false(said.includes(`resolved path ${other} `))
    t.regex(said, /StrippedTypeScript file:.*\/broker\//)
  }
})

test('started by a Node.js that is too old, it runs under its own', async (t) => {
  const old = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .find((path) => /^v(1\d|20|21)\./.test(spawnSync(path, ['--version']).stdout?.toString() ?? ''))
  if (old === undefined) {
    t.log('no old Node.js here: not tried')
    t.pass()
    return
  }
  t.like(await new Lockstep(['--version'], { node: old }).ended(), { code: 0, stdout: `${version}\n` })
  t.like(await new Lockstep(['nonsense'], { node: old }).ended(), { code: 2 })
  const dev = new Lockstep(['dev', '--port', '0'], { node: old })
  t.teardown(() => dev.signal('SIGKILL'))
  await dev.printed(/Ctrl-C ends it/)
  dev.signal('SIGTERM')
  t.is((await dev.ended()).code, 0)
})
