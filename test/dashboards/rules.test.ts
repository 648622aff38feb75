// The rules as Prometheus' own tool takes them, its unit tests of every alert, and the page of the runbook that each alert
// sends an operator to.

import { fileURLToPath } from 'node:url'
import test from 'ava'
import { parse } from 'yaml'
import { COMMANDS } from '../../broker/cli/run.ts'
import { promtool, promtoolTest } from '../promtool.ts'
import { exposedMetrics } from './exposed.ts'
import { DASHBOARDS, readRules, readText, rulesOf } from './files.ts'
import { readExpression } from './promql.ts'

const RECORDING = rulesOf(readRules('recording.yml'))
const ALERTS = rulesOf(readRules('alerts.yml'))
const names = ALERTS.map(({ alert }) => alert!)
const path = (name: string): string => fileURLToPath(new URL(`prometheus/${name}`, DASHBOARDS))

promtoolTest('promtool takes the rules and the example of a configuration', (t) => {
  for (const args of [
    ['rules', '--lint=all', '--lint-fatal', path('recording.yml'), path('alerts.yml')],
    ['config', path('prometheus.yml')],
  ]) {
    const { code, said } = promtool(['check', ...args])
    t.is(code, 0, said)
  }
})

promtoolTest('each alert fires when it should, and not when it should not', (t) => {
  const { code, said } = promtool(['test', 'rules', path('rules.test.yml')])
  t.is(code, 0, said)
})

interface UnitTests {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly { alertname: string; exp_alerts?: readonly unknown[] }[]
  }[]
}

test('those unit tests have for each alert a case in which it fires and one in which it does not', (t) => {
  const { tests } = parse(readText('prometheus/rules.test.yml')) as UnitTests
  const cases = tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test)
  for (const fires of [true, false]) {
    const covered = cases.filter(({ exp_alerts = [] }) => exp_alerts.length > 0 === fires)
    t.deepEqual([...new Set(covered.map(({ alertname }) => alertname))].toSorted(), names.toSorted())
  }
})

test('each alert has a severity, says what is wrong with its numbers, and links to its page; no page is without alert', (t) => {
  t.is(new Set(names).size, names.length)
  const runbook = readText('runbook.md')
  const pages = [...runbook.matchAll(/^## (Lockstep\w+)\n([\s\S]*?)(?=^## |$(?![\s\S]))/gm)]
  t.deepEqual(pages.map(([, name]) => name).toSorted(), names.toSorted())
  for (const [, name, text] of pages) {
    for (const part of ['Means', 'See', 'Do'])
      t.regex(text!, new RegExp(`^\\*\\*${part}\\.\\*\\* `, 'm'), `${name}: ${part}`)
    t.regex(text!, /^```sh\n(.*(lockstep|curl) .*\n)+?/m, `${name}: no command to type`)
  }
  for (const { alert, labels, annotations, for: patience } of ALERTS) {
    t.regex(alert!, /^Lockstep[A-Z]\w+$/)
    t.true(['critical', 'warning'].includes(labels?.['severity'] ?? ''), alert)
    t.regex(patience ?? '', /^\d+[smh]$/, alert)
    const { summary = '', description = '', runbook_url = '' } = annotations ?? {}
    t.true(summary.length > 10 && !summary.includes('\n'), alert)
    t.regex(description, /\$labels\.job[\s\S]*\$value|\$value[\s\S]*\$labels\.job/, alert)
    t.is(runbook_url, `dashboards/runbook.md#${alert!.toLowerCase()}`)
  }
})

test('every rule can be read, and asks for what a replica exposes, Prometheus makes, or another rule records', async (t) => {
  for (const { record } of RECORDING) t.regex(record!, /^(job|job_topic|job_instance):lockstep_\w+:\w+$/)
  const known = new Set([...(await exposedMetrics()), 'up', ...RECORDING.map(({ record }) => record!)])
  for (const { alert, record, expr } of [...RECORDING, ...ALERTS]) {
    const { metrics, faults } = readExpression(expr)
    t.deepEqual(faults, [], alert ?? record)
    t.true(metrics.length > 0)
    t.deepEqual(
      metrics.filter((metric) => !known.has(metric)),
      [],
      alert ?? record,
    )
  }
})

test('what the runbook names is there: metrics, commands, its own sections', async (t) => {
  const runbook = readText('runbook.md')
  const exposed = await exposedMetrics('families')
  const named = [...runbook.matchAll(/\blockstep_(?:\(([^()]*)\)|([a-z_]+))/g)].flatMap(([, several, one]) =>
    (several ?? one!).split('|'),
  )
  t.true(named.length > 50)
  for (const name of new Set(named))
    t.true(
      exposed.some((metric) => metric.startsWith(`lockstep_${name}`)),
      name,
    )

  const commands = COMMANDS.map(({ name }) => name)
  const typed = [...runbook.matchAll(/(?:^|`)lockstep ([a-z]+)/gm)].map(([, command]) => command!)
  t.true(typed.length > 10)
  for (const command of typed) t.true(commands.includes(command), command)

  for (const [, section] of runbook.matchAll(/\]\(#([^)]*)\)/g))
    t.true(
      names.some((name) => name.toLowerCase() === section),
      section,
    )
})
