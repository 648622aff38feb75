// What is chosen above a dashboard, and what is marked in all its panels.

import type { Annotation, Colour, Variable } from './grafana.ts'
import { GROUP } from './promql.ts'

/** A scrape job is a group. */
export const GROUP_VARIABLE: Variable = {
  name: 'job',
  label: 'Group',
  values: { of: 'lockstep_view_number', label: 'job' },
  several: false,
}

export const REPLICA_VARIABLE: Variable = {
  name: 'instance',
  label: 'Replica',
  values: { of: `lockstep_view_number{${GROUP}}`, label: 'instance' },
  several: true,
}

export const TOPIC_VARIABLE: Variable = {
  name: 'topic',
  label: 'Topic',
  values: { of: `lockstep_events_published_total{${GROUP}}`, label: 'topic' },
  several: true,
}

/** Most of what looks odd in a graph began with one. */
export const VIEW_CHANGES: Annotation = {
  name: 'Changes of view',
  expr: `max by (job) (changes(lockstep_view_number{${GROUP}}[1m])) > 0`,
  text: 'The view changed.',
}

export const RED_IF_ANY: readonly (readonly [number | null, Colour])[] = [
  [null, 'green'],
  [1, 'red'],
]

export const RED_IF_NONE: readonly (readonly [number | null, Colour])[] = [
  [null, 'red'],
  [1, 'green'],
]

/** For how full something is. */
export const FILLING: readonly (readonly [number | null, Colour])[] = [
  [null, 'green'],
  [0.5, 'yellow'],
  [0.9, 'red'],
]
