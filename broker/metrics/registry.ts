// The home of prom-client: how metrics are declared, and how all of them become text, in Prometheus' own format or in
// OpenMetrics. Each replica has a registry of its own, since several replicas may live in one process. What can be read
// when it is asked for is read then, and costs nothing until somebody asks.

import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  type MetricObject,
  type OpenMetricsContentType,
  Registry,
  type RegistryContentType,
} from 'prom-client'
import type { MetricsFormat, MetricsText } from '../http/operations.ts'

const PREFIX = 'lockstep_'

/**
 * Of what prom-client says of any Node.js process, these are left out. Those of handles have names that do not pass
 * `promtool check metrics` (`_total` at what may fall), and walk all connections. Those of the event loop have types in
 * their names and count ten times a second for ever, or begin anew at each scrape, so that two who scrape spoil each
 * other's. Ours are `event_loop_lag_seconds` and `event_loop_active_seconds_total`.
 */
const LEFT_OUT = /^nodejs_(active_|eventloop_)/
const HARDLY_EVER_MS = 2 ** 31 - 1

export type Labels<L extends string> = { readonly [label in L]: string }

export interface Described {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

interface Form {
  readonly contentType: string
  readonly metrics: () => Promise<string>
}

export class Declared {
  /** Only to declare: exemplars need one of this type. */
  private readonly registry: Registry<OpenMetricsContentType> = new Registry(Registry.OPENMETRICS_CONTENT_TYPE)
  private forms: { readonly [format in MetricsFormat]: Form } | undefined

  /** Those of the process, by prom-client. */
  addProcess(): void {
    collectDefaultMetrics({
      register: this.registry,
      eventLoopUtilizationTimeout: HARDLY_EVER_MS,
      eventLoopMonitoringPrecision: HARDLY_EVER_MS,
    })
    for (const { name } of this.registry.getMetricsAsArray())
      if (LEFT_OUT.test(name)) this.registry.removeSingleMetric(name)
  }

  counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter({ name: PREFIX + name, help, labelNames, registers: [this.registry] })
  }

  /** `exemplars`: an observation may name its trace. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    { labels = [], exemplars = false }: { labels?: readonly L[]; exemplars?: boolean } = {},
  ): Histogram<L> {
    return new Histogram({
      name: PREFIX + name,
      help,
      labelNames: labels,
      buckets: [...buckets],
      enableExemplars: exemplars,
      registers: [this.registry],
    })
  }

  /** Undefined: not known now, and left out. */
  read(name: string, help: string, value: () => number | undefined): void {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.registry],
      collect() {
        const now = value()
        if (now === undefined) this.remove()
        else this.set(now)
      },
    })
  }

  /** What is there is put in by the reading; what was there before and is not put in is gone. */
  readEach<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (put: (labels: Labels<L>, value: number) => void) => void,
  ): void {
    new Gauge<string>({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset()
        read((labels, value) => this.set(labels, value))
      },
    })
  }

  /** Counted elsewhere; here only shown. */
  readTotals<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (put: (labels: Labels<L>, count: number) => void) => void,
  ): void {
    new Counter<string>({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset()
        read((labels, count) => this.inc(labels, count))
      },
    })
  }

  async text(format: MetricsFormat): Promise<MetricsText> {
    this.forms ??= {
      prometheus: this.inForm(Registry.PROMETHEUS_CONTENT_TYPE, (metric) => metric),
      openmetrics: this.inForm(Registry.OPENMETRICS_CONTENT_TYPE, withoutTotal),
    }
    const { contentType, metrics } = this.forms[format]
    return { contentType, text: await metrics() }
  }

  /** Ours, without those of the process. */
  described(): Described[] {
    const ours = this.registry.getMetricsAsArray().filter(({ name }) => name.startsWith(PREFIX))
    return ours.map((metric) => {
      const { name, help, type, labelNames } = metric as unknown as Described & { labelNames: string[] }
      return { name, help, type, labels: labelNames }
    })
  }

  private inForm(contentType: RegistryContentType, shown: (metric: MetricObject) => MetricObject): Form {
    const registry = new Registry(contentType)
    for (const metric of this.registry.getMetricsAsArray()) registry.registerMetric(shown(metric) as unknown as Metric)
    return { contentType, metrics: () => registry.metrics() }
  }
}

/**
 * prom-client takes the `_total` from a counter's own name when it writes OpenMetrics, and would never give it back: so
 * there counters are others, with the same numbers.
 */
function withoutTotal(metric: MetricObject): MetricObject {
  if (!(metric instanceof Counter)) return metric
  const name = metric.name.replace(/_total$/, '')
  const get = async (): Promise<object> => ({ ...(await metric.get()), name })
  return { ...metric, name, get } as MetricObject
}
