import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { CONFIG_KEYS, ConfigError, type Environment, type Flags, readConfig } from '../../broker/config.ts'
import { DEFAULT_SETTINGS } from '../../broker/group/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'lockstep-config-'))
test.after.always(() => rmSync(folder, { recursive: true }))

function file(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

function problems(flags: Flags, environment: Environment = {}): readonly string[] {
  try {
    readConfig(flags, environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('nothing said: the defaults, which are those of the group where they are its', (t) => {
  const config = readConfig({ name: 'a' }, {})
  t.like(config, { name: 'a', roster: ['a'], group: 'lockstep', host: '127.0.0.1', port: 7400, autoTopics: false })
  t.like(config.limits, {
    eventBytesMax: 262_144,
    requestBytesMax: 524_288,
    schemaBytesMax: 786_432,
    topicsMax: 100_000,
  })
  const { topicsMax, publishersMax, repliesPerPublisher, retainedBytesMax, ...settings } = config.settings
  t.deepEqual(settings, { ...DEFAULT_SETTINGS })
  t.deepEqual([topicsMax, publishersMax, repliesPerPublisher, retainedBytesMax], [100_000, 1_000_000, 16, 2 ** 30])
  t.true(Object.isFrozen(config) && Object.isFrozen(config.settings) && Object.isFrozen(config.limits))
})

test('a host name is made into a name that a replica can have', (t) => {
  t.regex(readConfig({}, {}).name, /^[A-Za-z0-9][A-Za-z0-9_.-]*$/)
})

test('a flag beats a variable, which beats the file', (t) => {
  const config = file('all.json', {
    $schema: 'https://example.com/x',
    name: 'file',
    suspectAfterMs: 1100,
    heartbeatMs: 60,
    listen: '[::1]:1',
  })
  const environment = { LOCKSTEP_NAME: 'variable', LOCKSTEP_SUSPECT_AFTER_MS: '1200', LOCKSTEP_CONFIG: config }
  const read = readConfig({ name: 'flag' }, environment)
  t.is(read.name, 'flag')
  t.is(read.settings.suspectAfterMs, 1200)
  t.is(read.settings.heartbeatMs, 60)
  t.deepEqual([read.host, read.port], ['::1', 1])
  t.is(readConfig({ config }, { LOCKSTEP_NAME: 'variable' }).name, 'variable')
})

test('lists, numbers and yes or no come from text', (t) => {
  const config = readConfig(
    { roster: 'a, b,c', nats: 'nats://x:1,tls://y:2', 'auto-topics': true, 'min-replicas': '2' },
    { LOCKSTEP_PORT: 'tcp://ignored', LOCKSTEP_LOG_LEVEL: 'warn' },
  )
  t.deepEqual(config.roster, ['a', 'b', 'c'])
  t.deepEqual(config.nats, ['nats://x:1', 'tls://y:2'])
  t.is(config.autoTopics, true)
  t.is(config.settings.minReplicas, 2)
  t.is(config.logLevel, 'warn')
  t.is(config.logFormat, 'auto')
  t.is(readConfig({ 'log-format': 'text' }, { LOCKSTEP_LOG_FORMAT: 'json' }).logFormat, 'text')
  t.is(readConfig({ 'auto-topics': false }, { LOCKSTEP_AUTO_TOPICS: 'true' }).autoTopics, false)
})

test('everything that is wrong is said at once, each with where it was said and what it means', (t) => {
  const config = file('wrong.json', { heartbeatMs: 'x', suspect_after_ms: 5, nonsense: 1 })
  const found = problems(
    { config, name: 'a b', 'tick-ms': '1e3' },
    { LOCKSTEP_LOG_LEVEL: 'loud', LOCKSTEP_NATS: 'http://x' },
  )
  for (const pattern of [
    /^--tick-ms takes a whole number, and was given "1e3"/,
    /^--name must match pattern .*, and is "a b".*unique in the group/,
    /^heartbeatMs in .*wrong\.json must be integer, and is "x".*Too small/,
    /^suspect_after_ms in .*: there is no such key; did you mean suspectAfterMs\?/,
    /^nonsense in .*: there is no such key/,
    /^LOCKSTEP_LOG_LEVEL must be equal to one of the allowed values: trace, debug/,
    /^LOCKSTEP_NATS must match pattern/,
  ]) {
    t.true(
      found.some((problem) => pattern.test(problem)),
      `${pattern} in\n${found.join('\n')}`,
    )
  }
  t.is(found.length, 7)
})

test('a file that is none, or not JSON, or not an object, is named', (t) => {
  t.regex(problems({ config: join(folder, 'missing.json') })[0] ?? '', /missing\.json cannot be read/)
  t.regex(problems({ config: file('bad.json', '{') })[0] ?? '', /bad\.json is not JSON/)
  t.regex(problems({ config: file('list.json', []) })[0] ?? '', /must hold one JSON object/)
})

test('values that do not go together are refused with the reason', (t) => {
  const pairs: [Flags, RegExp][] = [
    [{ 'stall-after-ms': '900' }, /--stall-after-ms = 900 must be above suspectAfterMs \(by default\) = 1000/],
    [{ 'change-retry-ms': '275' }, /2 × --change-retry-ms = 275 must be above collectWaitMs/],
    [{ 'suspect-after-ms': '149' }, /must be at least 3 × heartbeatMs/],
    [{ 'probe-ms': '30' }, /--probe-ms = 30 must be above 2 × probePingMs/],
    [{ 'late-tick-ms': '10' }, /--late-tick-ms = 10 must be above tickMs/],
    [{ 'leave-wait-ms': '1000' }, /--leave-wait-ms = 1000 must be above suspectAfterMs/],
    [{ 'window-bytes-max': '32767' }, /--window-bytes-max = 32767 must not be below batchBytesMax/],
    [{ 'request-bytes-max': '262143' }, /--request-bytes-max = 262143 must not be below eventBytesMax/],
    [{ 'joiner-ban-ms': '2401' }, /joinerBanMaxMs \(by default\) = 2400 must not be below --joiner-ban-ms = 2401/],
    [{ listen: '127.0.0.1:65536' }, /--listen: 65536 is no port/],
    [{ roster: 'a,b,a' }, /--roster must NOT have duplicate items/],
  ]
  for (const [flags, pattern] of pairs) t.regex(problems({ name: 'a', ...flags }).join('\n'), pattern)
  t.deepEqual(problems({ name: 'a', 'change-retry-ms': '276' }), [])
})

test('what only a later version can do is refused in a sentence', (t) => {
  t.regex(
    problems({ 'data-dir': '/var/lib/lockstep' })[0] ?? '',
    /^--data-dir: this version keeps everything in memory/,
  )
  t.regex(problems({}, { LOCKSTEP_DURABILITY: 'sync' })[0] ?? '', /^LOCKSTEP_DURABILITY sync: this version keeps/)
  t.deepEqual(problems({ durability: 'memory' }), [])
})

test('every key says what it means, and what is too small or too large where it is a number', (t) => {
  for (const { key, description, type, whose } of CONFIG_KEYS) {
    t.true(description.length > 30, key)
    t.true(['replica', 'limit', 'group'].includes(whose), key)
    if (key.endsWith('Ms')) t.regex(description, /millisecond/i, key)
    if (type === 'integer') t.regex(description, /Too (small|large)/, key)
  }
})
