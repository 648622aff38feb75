// What an expression of PromQL is made of, read by the grammar that Prometheus' own web page has.

import { parser } from '@prometheus-io/lezer-promql'

export interface Reading {
  /** Names of the metrics that it selects. */
  readonly metrics: readonly string[]
  /** Those with their labels, as they stand there. */
  readonly selectors: readonly string[]
  /** Where it is wrong: the text from there on. */
  readonly faults: readonly string[]
}

export function readExpression(expr: string): Reading {
  const metrics = new Set<string>()
  const selectors: string[] = []
  const faults: string[] = []
  parser.parse(expr).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) faults.push(expr.slice(from))
      if (type.name === 'VectorSelector') selectors.push(expr.slice(from, to))
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.add(expr.slice(from, to))
    },
  })
  return { metrics: [...metrics], selectors, faults }
}
