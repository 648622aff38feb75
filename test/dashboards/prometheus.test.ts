// A real Prometheus beside three real replicas, with the rules as an operator loads them. What it answers is compared with
// what the publishers and subscribers know to be true; what it must notice when replicas are killed, it notices; and each
// panel of the dashboards, asked of it, shows something.

import type { ExecutionContext } from 'ava'
import { parse, stringify } from 'yaml'
import { type Client, connect } from '../../clients/src/index.ts'
import { type GroupOfProcesses, startGroup } from '../group-of-processes.ts'
import { Prometheus, prometheusTest } from '../prometheus.ts'
import {
  type DashboardJson,
  filledIn,
  queriesOf,
  type RuleFile,
  readDashboards,
  readRules,
  readText,
  rulesOf,
} from './files.ts'
import { KnownFlow } from './known-flow.ts'
import { readExpression } from './promql.ts'

const LOAD_SECONDS = 3
const SCRAPE_MS = 400
/** How long a condition must hold here before its alert fires; an operator waits for minutes. */
const FOR = '1s'
/** Prometheus moves the times of scrapes by up to two milliseconds, to store them in less; and clocks are rounded. */
const CLOCK_MS = 4
/** Of what is a quotient here and there. */
const ROUNDING = 1e-6
/** How far the panels look back. */
const WINDOW = '4s'

const ORDER = {
  type: 'object',
  properties: { count: { type: 'integer', minimum: 1 } },
  required: ['count'],
}
const REJECTED = 7
const UNKNOWN = 3

prometheusTest(
  'three replicas under a known load, one killed and back, two killed: what was published is what Prometheus has, the alerts fire and end, and each panel shows something',
  async (t) => {
    const group = await startGroup(t, ['flights.eu', 'flights.us'])
    t.is(await call('PUT', `${group.urls[0]}/v1/topics/orders`, { schema: ORDER }), 201)
    const clients = group.urls.map((url) => connect({ replicas: url }))
    t.teardown(() => {
      for (const client of clients) client.close()
    })
    const flows = [
      { replica: 0, flow: new KnownFlow(clients[0]!, 'orders', 200, (count) => ({ count })) },
      { replica: 1, flow: new KnownFlow(clients[1]!, 'orders', 100, (count) => ({ count })) },
      { replica: 1, flow: new KnownFlow(clients[1]!, 'flights.eu', 50, (number) => `Zürich ${number}`) },
      { replica: 2, flow: new KnownFlow(clients[2]!, 'flights.us', 30, (number) => ({ number, gate: 'B7' })) },
    ]
    // From the first event of a topic on there is a series of it.
    for (const { flow } of flows) await flow.one()

    const prometheus = await Prometheus.start(t, configured(group.urls))
    const watch = new Watch(t, prometheus, group, flows)
    const began = await watch.settled()
    const all = LOAD_SECONDS * flows.reduce((sum, { flow }) => sum + flow.perSecond, 0) + flows.length
    await Promise.all([
      ...flows.map(({ flow }) => flow.run(LOAD_SECONDS)),
      ...clients.map((client) => received(client, all)),
      repeat(REJECTED, async () =>
        t.is(await call('POST', `${group.urls[1]}/v1/topics/orders/events`, { count: 0 }), 422),
      ),
      repeat(UNKNOWN, async () => t.is(await call('POST', `${group.urls[2]}/v1/topics/nobody/events`, 1), 404)),
    ])
    const loaded = await watch.settled()
    await watch.seesTotals(loaded)
    for (const one of flows) await watch.seesFlow(one, began, loaded)
    await watch.recordsRates(loaded)
    await watch.seesNothingWrong()
    await watch.seesOneKilledAndBack()
    await watch.seesAMinority()
    await eachQueryShowsSomething(t, prometheus, began)
  },
)

/** The files that an operator would have, with the addresses of these replicas and less patience. */
function configured(urls: readonly string[]): { [name: string]: string } {
  const config = parse(readText('prometheus/prometheus.yml'))
  const often = `${SCRAPE_MS}ms`
  config.global = { scrape_interval: often, scrape_timeout: often, evaluation_interval: often }
  config.scrape_configs[0].static_configs[0].targets = urls.map((url) => new URL(url).host)
  const impatient: RuleFile = {
    groups: readRules('alerts.yml').groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => ('for' in rule ? { ...rule, for: FOR } : rule)),
    })),
  }
  return {
    'prometheus.yml': stringify(config),
    'recording.yml': readText('prometheus/recording.yml'),
    'alerts.yml': stringify(impatient),
  }
}

async function call(method: string, url: string, body: unknown): Promise<number> {
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) })
  await response.arrayBuffer()
  return response.status
}

async function repeat(times: number, act: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) await act()
}

/** Resolves when so many events have come. */
async function received(client: Client, events: number): Promise<void> {
  let count = 0
  for await (const item of client.subscribe(['>'], { from: 'start' }))
    if (item.kind === 'event' && ++count === events) return
}

interface FlowAt {
  readonly replica: number
  readonly flow: KnownFlow
}

/** What Prometheus must have seen. */
class Watch {
  private readonly t: ExecutionContext
  private readonly prometheus: Prometheus
  private readonly group: GroupOfProcesses
  private readonly flows: readonly FlowAt[]
  /** The label of each replica. */
  private readonly instances: readonly string[]

  constructor(t: ExecutionContext, prometheus: Prometheus, group: GroupOfProcesses, flows: readonly FlowAt[]) {
    this.t = t
    this.prometheus = prometheus
    this.group = group
    this.flows = flows
    this.instances = group.urls.map((url) => new URL(url).host)
  }

  /** Resolves with the present moment, once Prometheus has all that the replicas counted until it was called. */
  async settled(): Promise<number> {
    const since = Date.now() + CLOCK_MS
    return await this.prometheus.until('a scrape of each replica', async () => {
      const scraped = await this.prometheus.query(`timestamp(lockstep_view_number) > ${since / 1000}`)
      return scraped.length === this.instances.length ? Date.now() : undefined
    })
  }

  /** Every event, delivery and refusal is counted once, where it happened; nothing else was done to this group. */
  async seesTotals(at: number): Promise<void> {
    const { t, instances } = this
    const [, b, c] = instances
    const seen = async (labels: string, metric: string): Promise<Record<string, number>> => {
      const series = await this.prometheus.query(`sum by (${labels}) (${metric}) != 0`, at)
      const key = (of: { [label: string]: string }): string =>
        labels
          .split(', ')
          .map((label) => of[label])
          .join(' ')
      return Object.fromEntries(series.map((one) => [key(one.labels), one.points[0]!.value]))
    }
    const all = this.flows.reduce((sum, { flow }) => sum + flow.events, 0)
    const ofFlows = (value: (flow: KnownFlow) => number): Record<string, number> =>
      Object.fromEntries(this.flows.map(({ replica, flow }) => [`${instances[replica]} ${flow.topic}`, value(flow)]))
    t.deepEqual(
      await seen('instance, topic', 'lockstep_events_published_total'),
      ofFlows(({ events }) => events),
    )
    t.deepEqual(
      await seen('instance, topic', 'lockstep_published_bytes_total'),
      ofFlows(({ bytes }) => bytes),
    )
    t.deepEqual(
      await seen('instance', 'lockstep_events_delivered_total'),
      Object.fromEntries(instances.map((instance) => [instance, all])),
    )
    t.deepEqual(await seen('instance, topic', 'lockstep_schema_rejections_total'), { [`${b} orders`]: REJECTED })
    t.deepEqual(await seen('instance, code', 'lockstep_publish_refusals_total'), {
      [`${b} INVALID_EVENT`]: REJECTED,
      [`${c} NOT_FOUND`]: UNKNOWN,
    })
  }

  /** At each scrape Prometheus has what the publisher knows, and between two of them the rate that follows. */
  async seesFlow({ replica, flow }: FlowAt, began: number, loaded: number): Promise<void> {
    const { t, prometheus } = this
    const labels = `instance="${this.instances[replica]}"`
    const metric = `lockstep_events_published_total{${labels}, topic="${flow.topic}"}`
    const points = async (of: string) => (await prometheus.query(`${of}[${loaded - began}ms]`, loaded))[0]!.points
    const [counted, took] = await Promise.all([points(metric), points(`scrape_duration_seconds{${labels}}`)])
    const tookMs = new Map(took.map(({ at, value }) => [at, value * 1000]))
    const bounds = counted.map(({ at, value }) => {
      const least = flow.acknowledgedBefore(at - CLOCK_MS)
      const most = flow.sentBy(at + tookMs.get(at)! + CLOCK_MS)
      t.true(value >= least && value <= most, `${metric} was ${value} at ${at}, and not from ${least} to ${most}`)
      return { at, least, most }
    })
    const during = bounds.filter(({ at }) => at <= flow.lastSentAt)
    const [first, last] = [during[0]!, during.at(-1)!]
    const ms = last.at - first.at
    t.true(ms > 0, 'it was scraped under load')
    const rate = (await prometheus.number(`rate(${metric}[${ms}ms])`, last.at))!
    const least = ((last.least - first.most) / ms) * 1000
    const most = ((last.most - first.least) / ms) * 1000
    t.true(
      rate > least - ROUNDING && rate < most + ROUNDING,
      `the rate of ${metric} is ${rate}, and not from ${least} to ${most}`,
    )
  }

  /** The recorded rate of the last minute, which has all of the load in it, and is stretched a little by Prometheus. */
  async recordsRates(loaded: number): Promise<void> {
    const { t, prometheus } = this
    const recorded = 'job_topic:lockstep_events_published:rate1m'
    const at = await prometheus.until('a rate recorded after the load', async () => {
      const fresh = await prometheus.query(`timestamp(${recorded}) > ${loaded / 1000}`)
      return fresh.length > 0 ? Date.now() : undefined
    })
    for (const topic of new Set(this.flows.map(({ flow }) => flow.topic))) {
      const ofTopic = this.flows.filter(({ flow }) => flow.topic === topic)
      const events = ofTopic.reduce((sum, { flow }) => sum + flow.events - 1, 0)
      const inAMinute = (await prometheus.number(`${recorded}{topic="${topic}"} * 60`, at))!
      t.true(inAMinute > events * 0.99 && inAMinute < events * 1.25, `${topic}: ${inAMinute} for ${events}`)
    }
  }

  async seesNothingWrong(): Promise<void> {
    const names = ['NoPrimaryComponent', 'MemberMissing', 'ReplicaDown', 'StateDiverged', 'SubscriberLostEvents']
    for (const name of names) this.t.deepEqual(await this.firing(`Lockstep${name}`), [], name)
  }

  async seesOneKilledAndBack(): Promise<void> {
    const { t, prometheus, instances, group } = this
    const [a, b, c] = instances as [string, string, string]
    const excluded = (instance: string): Promise<number | undefined> =>
      prometheus.number(`lockstep_view_changes_total{reason="exclude", instance="${instance}"}`)
    const before = await Promise.all([a, b].map(excluded))
    await group.replicas[2]!.kill()
    await this.until('a target that is down', 'up == 0', [c])
    await this.until('a view of two', 'lockstep_view_members == 2', [a, b])
    await this.untilFiring('LockstepReplicaDown', [c])
    await this.untilFiring('LockstepMemberMissing', [undefined])
    const after = await Promise.all([a, b].map(excluded))
    t.deepEqual(
      after,
      before.map((count) => count! + 1),
    )

    await group.replicas[2]!.start(group.signal)
    await this.until('a view of three', 'lockstep_view_members == 3', [a, b, c])
    await this.untilFiring('LockstepReplicaDown', [])
    await this.untilFiring('LockstepMemberMissing', [])
  }

  async seesAMinority(): Promise<void> {
    const { group, instances } = this
    await Promise.all([1, 2].map((index) => group.replicas[index]!.kill()))
    await this.until('a replica that is not primary', 'lockstep_primary == 0', [instances[0]!])
    await this.untilFiring('LockstepNoPrimaryComponent', [undefined])
  }

  /** The replicas, if it is about one, for which an alert fires. */
  private async firing(name: string): Promise<(string | undefined)[]> {
    const firing = (await this.prometheus.alerts()).filter((one) => one.name === name && one.state === 'firing')
    for (const { annotations } of firing)
      this.t.notRegex(Object.values(annotations).join(), /<error|<no value>|\{\{/, `${name}: its text can be made`)
    return firing.map(({ labels }) => labels['instance']).toSorted()
  }

  private async untilFiring(name: string, expected: readonly (string | undefined)[]): Promise<void> {
    await this.prometheus.until(`${name} for ${expected.join() || 'nobody'}`, async () => {
      const found = await this.firing(name)
      return JSON.stringify(found) === JSON.stringify(expected) ? found : undefined
    })
  }

  /** Resolves when the expression is true of these replicas, and of no other. */
  private async until(name: string, expr: string, expected: readonly string[]): Promise<void> {
    await this.prometheus.until(name, async () => {
      const found = (await this.prometheus.query(expr)).map(({ labels }) => labels['instance']!)
      return found.toSorted().join() === expected.toSorted().join() ? found : undefined
    })
  }
}

/** What did not happen to this group: refusals for want of a quorum or room, and strangers. */
const RARE = /code=~"NOT_PRIMARY\|OVERLOADED"|reason=~"undecodable\|malformed\|another history"/
/** Metrics that are made by Prometheus itself. */
const ITS_OWN = ['ALERTS']

async function eachQueryShowsSomething(t: ExecutionContext, prometheus: Prometheus, began: number): Promise<void> {
  const now = Date.now()
  const exposed = await prometheus.labelValues('__name__', '{job="lockstep"}')
  const shown = new Set<string>()
  for (const { name, text } of readDashboards()) {
    for (const { where, expr } of queriesOf(name, JSON.parse(text) as DashboardJson)) {
      const asked = filledIn(expr, 'lockstep', WINDOW)
      for (const metric of readExpression(asked).metrics) {
        shown.add(metric)
        t.true(ITS_OWN.includes(metric) || exposed.includes(metric), `${where}: no replica exposes ${metric}`)
      }
      const series = await prometheus.queryRange(asked, began, now, SCRAPE_MS)
      t.true(
        series.some(({ points }) => points.some(({ value }) => !Number.isNaN(value))),
        `${where}: shows nothing: ${asked}`,
      )
    }
  }
  // A label that is misspelled would be an alert that never fires.
  for (const { expr, alert, record } of rulesOf(readRules('recording.yml')).concat(rulesOf(readRules('alerts.yml'))))
    for (const selector of readExpression(expr).selectors)
      t.true(
        RARE.test(selector) || (await prometheus.queryRange(selector, began, now, SCRAPE_MS)).length > 0,
        `${alert ?? record}: there never was a ${selector}`,
      )

  const ofHistograms = /_(bucket|count|sum)$/
  const isShown = (metric: string): boolean =>
    shown.has(metric) || (ofHistograms.test(metric) && shown.has(metric.replace(ofHistograms, '_bucket')))
  const ours = exposed.filter((metric) => metric.startsWith('lockstep_'))
  t.true(ours.length > 30)
  t.deepEqual(
    ours.filter((metric) => !isShown(metric)),
    [],
    'each metric is on a panel',
  )
}
