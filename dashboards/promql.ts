// The few forms of PromQL that the dashboards are written in.

/** All replicas of the group that is looked at. */
export const GROUP = 'job="$job"'
/** Those of them that were chosen. */
export const CHOSEN = 'job="$job", instance=~"$instance"'

/** What a counter grows by in a second. Grafana chooses how far it looks back. */
export const rate = (counter: string, labels: string): string => `rate(${counter}{${labels}}[$__rate_interval])`

export const sumRate = (by: string, counter: string, labels: string): string =>
  `sum by (${by}) (${rate(counter, labels)})`

/** How often it happened lately: rare things are lost in a rate. */
export const sumIncrease = (by: string, counter: string, labels: string): string =>
  `sum by (${by}) (increase(${counter}{${labels}}[$__rate_interval]))`

/** The same of what may also fall. */
export const slope = (gauge: string, labels: string): string => `deriv(${gauge}{${labels}}[$__rate_interval])`

/** The value that this share of what a histogram observed does not exceed. */
export function quantile(share: number, histogram: string, labels: string, by = ''): string {
  const kept = by === '' ? 'le' : `${by}, le`
  return `histogram_quantile(${share}, ${sumRate(kept, `${histogram}_bucket`, labels)})`
}

/** How full something is that has a limit, from 0 to 1. */
export const used = (gauge: string, labels: string): string => `${gauge}{${labels}} / ${gauge}_limit{${labels}}`
