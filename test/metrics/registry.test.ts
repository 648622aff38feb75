import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { Metrics } from '../../broker/metrics/metrics.ts'
import { Group } from '../clients/group.ts'
import { promtool, promtoolTest } from '../promtool.ts'
import { samplesOf } from './samples.ts'
import { watched } from './watched.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

test('an exemplar: in OpenMetrics beside the bucket that it fell into, in plain text nowhere', async (t) => {
  const { metrics } = watched()
  metrics.published('t', 1, 1, 15, TRACE)
  metrics.published('t', 1, 1, 15)
  const { text } = await metrics.text('openmetrics')
  const [line, ...others] = text.split('\n').filter((one) => one.includes(TRACE))
  t.regex(line!, /^lockstep_publish_duration_seconds_bucket\{le="0.02"\} 2 # \{trace_id="4bf9.*"\} 0.015 \d+(\.\d+)?$/)
  t.is(others.length, 0)
  t.false((await metrics.text('prometheus')).text.includes(TRACE))
})

test('both formats by turns: the same numbers under the same names', async (t) => {
  const { metrics } = watched()
  metrics.published('t', 3, 30, 15, TRACE)
  const plain = await metrics.text('prometheus')
  const open = await metrics.text('openmetrics')
  t.is(plain.contentType, 'text/plain; version=0.0.4; charset=utf-8')
  t.is(open.contentType, 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  t.deepEqual(await metrics.text('prometheus'), plain)
  t.deepEqual(samplesOf(open.text), samplesOf(plain.text))
  t.true(samplesOf(plain.text).size > 100)
  t.true(open.text.endsWith('\n# EOF\n'))
  t.regex(open.text, /^# TYPE lockstep_publish_refusals counter$/m)
})

test('a client that asks for OpenMetrics gets it, any other plain text', async (t) => {
  const group = await Group.start(t, 1)
  const typeFor = async (accept?: string): Promise<string | undefined> => {
    const answer = await fetch(`${group.of('a').url}/metrics`, { headers: accept === undefined ? {} : { accept } })
    t.is(answer.status, 200)
    t.is((await answer.text()).endsWith('# EOF\n'), answer.headers.get('content-type')!.startsWith('application/open'))
    t.regex(answer.headers.get('vary') ?? '', /accept/i)
    return answer.headers.get('content-type')!.split(';')[0]
  }
  const [plain, open] = ['text/plain', 'application/openmetrics-text']
  t.is(await typeFor(), plain)
  t.is(await typeFor('*/*'), plain)
  t.is(await typeFor('text/html,application/xhtml+xml,*/*;q=0.8'), plain)
  t.is(await typeFor('image/png'), plain)
  t.is(await typeFor('application/openmetrics-text'), open)
  t.is(await typeFor('application/openmetrics-text; version=1.0.0; charset=utf-8'), open)
  t.is(await typeFor('application/openmetrics-text;q=0.3,text/plain;q=0.5'), plain)
  t.is(await typeFor('application/openmetrics-text;version=9.0.0'), plain)
  // Prometheus 2 and Prometheus 3, word by word.
  t.is(
    await typeFor(
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,' +
        'text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    ),
    open,
  )
  t.is(
    await typeFor(
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
        'application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,' +
        'text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    ),
    open,
  )
})

promtoolTest('promtool has nothing against the names and units, those of the process included', async (t) => {
  const metrics = new Metrics({ now: () => 0, version: '1.2.3', processMetrics: true })
  const { text } = await metrics.text('prometheus')
  t.regex(text, /^process_resident_memory_bytes \d/m)
  t.regex(text, /^lockstep_event_loop_active_seconds_total \d/m)
  t.false(/nodejs_active_|nodejs_eventloop_/.test(text))
  t.deepEqual(promtool(['check', 'metrics'], text), { code: 0, said: '' })
  const worse = text.replaceAll('lockstep_gaps_total', 'lockstep_gaps')
  t.is(promtool(['check', 'metrics'], worse).code, 3, 'it would say if there were something')
})

promtoolTest("Prometheus' own reader of OpenMetrics takes all of it", async (t) => {
  const { metrics } = watched()
  metrics.published('t', 3, 30, 15, TRACE)
  const { text } = await metrics.text('openmetrics')
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-openmetrics-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const read = (what: string): { code: number | null; said: string } => {
    // Blocks are made of samples with a time; a scrape has none.
    writeFileSync(join(folder, 'text'), what.replaceAll(/^([^#\n]\S*(?:\{.*?\})? \S+)/gm, '$1 1700000000'))
    return promtool(['tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'text'), folder])
  }
  const taken = read(text)
  t.is(taken.code, 0, taken.said)
  t.not(read(text.replace('# {trace_id', '# trace_id')).code, 0, 'it would say if something were wrong')
  t.not(read(text.replace('# EOF\n', '')).code, 0)
})

test('an event loop that was at work for a while: those seconds, and none of waiting', async (t) => {
  const script = `
    import { Metrics } from '${new URL('../../broker/metrics/metrics.ts', import.meta.url)}'
    const metrics = new Metrics({ now: () => 0, version: '1', processMetrics: true })
    setTimeout(() => {
      for (const until = performance.now() + 200; performance.now() < until; );
      setTimeout(async () => console.log(performance.now() / 1000, (await metrics.text('prometheus')).text), 300)
    }, 0)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
  const active = samplesOf(stdout).get('lockstep_event_loop_active_seconds_total')!
  const passed = Number.parseFloat(stdout)
  t.true(active >= 0.2 && active <= passed - 0.3, `${active} of ${passed} s`)
})

test('every metric of ours has a unit of the base kind, and a sentence that says more than its name', (t) => {
  const { metrics } = watched()
  for (const { name, help } of metrics.described()) {
    t.regex(name, /^lockstep_[a-z_]+$/)
    t.notRegex(name, /_ms|_millis|_kb|_mb/)
    t.true(help.length > 20 && help.endsWith('.'), `${name}: ${help}`)
  }
})
