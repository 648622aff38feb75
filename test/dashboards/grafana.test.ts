// The dashboards that are committed, checked without a Grafana: they are what the sources make, Grafana can lay them out,
// each query can be read and names metrics that a replica exposes, and every metric is shown.

import test from 'ava'
import { DASHBOARDS as SOURCES } from '../../dashboards/dashboards.ts'
import { toJson } from '../../dashboards/grafana.ts'
import { exposedMetrics } from './exposed.ts'
import { type DashboardJson, filledIn, queriesOf, readDashboards } from './files.ts'
import { readExpression } from './promql.ts'

/** Of the process, what an operator looks at; the rest prom-client would also give. */
const OF_THE_PROCESS = [
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'process_open_fds',
  'process_start_time_seconds',
  'nodejs_heap_size_used_bytes',
  'nodejs_external_memory_bytes',
  'nodejs_gc_duration_seconds',
  'nodejs_version_info',
]
/** Metrics that are made by Prometheus itself. */
const ITS_OWN = ['up', 'ALERTS', 'scrape_duration_seconds']

const files = readDashboards().map(({ name, text }) => ({ name, text, json: JSON.parse(text) as DashboardJson }))
const queries = files.flatMap(({ name, json }) => queriesOf(name, json))

test('the files are what the sources make: otherwise run `npm run dashboards`', (t) => {
  t.deepEqual(
    files.map(({ name }) => name),
    SOURCES.map(({ uid }) => `${uid.replace('lockstep-', '')}.json`).toSorted(),
  )
  for (const source of SOURCES)
    t.is(files.find(({ json }) => json.uid === source.uid)?.text, toJson(source), source.title)
})

test('each has an identity of its own that never changes', (t) => {
  // Links and bookmarks of operators hold these.
  const uids = ['lockstep-clients', 'lockstep-cluster', 'lockstep-replica', 'lockstep-topics']
  t.deepEqual(files.map(({ json }) => json.uid).toSorted(), uids)
  t.is(new Set(files.map(({ json }) => json.title)).size, uids.length)
  for (const { json } of files) t.false('id' in json, 'Grafana gives it, and would take another for the same')
})

test('panels have numbers of their own and lie in the grid without covering each other', (t) => {
  for (const { name, json } of files) {
    t.is(new Set(json.panels.map(({ id }) => id)).size, json.panels.length, name)
    const taken = new Map<string, string>()
    for (const { title, gridPos } of json.panels) {
      const { x, y, w, h } = gridPos
      t.true(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 24, `${name}: ${title} leaves the grid`)
      for (let column = x; column < x + w; column++)
        for (let line = y; line < y + h; line++) {
          const cell = `${column} ${line}`
          t.is(taken.get(cell), undefined, `${name}: ${title} covers another`)
          taken.set(cell, title)
        }
    }
  }
})

test('whoever imports a dashboard chooses the Prometheus: no query names one', (t) => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana that fills it in.
  const chosen = { type: 'prometheus', uid: '${datasource}' }
  for (const { name, json } of files) {
    const [first, ...others] = json.templating.list
    t.is(`${first?.name} ${first?.type}`, 'datasource datasource', name)
    const asking = [
      ...json.panels.filter(({ type }) => type !== 'row'),
      ...json.panels.flatMap(({ targets = [] }) => targets),
      ...json.annotations.list,
      ...others,
    ]
    for (const one of asking) t.deepEqual((one as { datasource: unknown }).datasource, chosen, name)
  }
})

test('every panel says what it shows and what to do', (t) => {
  for (const { name, json } of files) {
    t.true(json.description.length > 40, name)
    const titles = json.panels.map(({ title }) => title)
    t.is(new Set(titles).size, titles.length, `${name}: two panels with one title`)
    for (const { type, title, description = '' } of json.panels)
      if (type !== 'row') t.regex(description, /^\w.{60,}\.$/s, `${name}: ${title}`)
  }
})

test('each query can be read, and names what a replica exposes; every variable in it is there', async (t) => {
  const exposed = new Set([...(await exposedMetrics()), ...ITS_OWN])
  t.true(queries.length > 40)
  for (const { where, expr } of queries) {
    const { metrics, faults } = readExpression(filledIn(expr, 'lockstep', '1m'))
    t.deepEqual(faults, [], `${where}: ${expr}`)
    t.true(metrics.length > 0, where)
    t.deepEqual(
      metrics.filter((metric) => !exposed.has(metric)),
      [],
      where,
    )
  }
  for (const { name, json } of files) {
    const variables = json.templating.list.map((one) => one.name)
    for (const { where, expr } of queriesOf(name, json))
      for (const [, variable] of expr.matchAll(/\$(?!__)\{?([a-z]+)/g))
        t.true(variables.includes(variable!), `${where}: $${variable}`)
    for (const { definition } of json.templating.list) {
      if (definition === undefined) continue
      const [, selector] = /^label_values\((.*), [a-z]+\)$/.exec(definition)!
      const { metrics, faults } = readExpression(filledIn(selector!, 'lockstep', '1m'))
      t.deepEqual([faults, metrics.filter((metric) => !exposed.has(metric))], [[], []], definition)
    }
  }
})

test('every metric of ours is on a panel, and those of the process that matter', async (t) => {
  const shown = new Set(queries.flatMap(({ expr }) => readExpression(filledIn(expr, 'x', '1m')).metrics))
  const isShown = (metric: string): boolean =>
    [metric, `${metric}_bucket`, `${metric}_sum`].some((name) => shown.has(name))
  const ours = (await exposedMetrics('families')).filter((metric) => metric.startsWith('lockstep_'))
  t.true(ours.length > 40)
  t.deepEqual(
    [...ours, ...OF_THE_PROCESS].filter((metric) => !isShown(metric)),
    [],
  )
})
