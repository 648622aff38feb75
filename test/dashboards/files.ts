// What is in dashboards/, as the tests of it want it: expressions of rules, and of panels with Grafana's variables filled in.

import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'

export const DASHBOARDS: URL = new URL('../../dashboards/', import.meta.url)

export interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: { readonly [name: string]: string }
  readonly annotations?: { readonly [name: string]: string }
}

export interface RuleFile {
  readonly groups: { readonly name: string; readonly rules: Rule[] }[]
}

export const readText = (path: string): string => readFileSync(new URL(path, DASHBOARDS), 'utf8')
export const readRules = (name: string): RuleFile => parse(readText(`prometheus/${name}`)) as RuleFile
export const rulesOf = ({ groups }: RuleFile): Rule[] => groups.flatMap(({ rules }) => rules)

interface Asked {
  readonly expr: string
  readonly datasource: unknown
}

export interface PanelJson {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: unknown
  readonly targets?: readonly Asked[]
}

export interface DashboardJson {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly panels: readonly PanelJson[]
  readonly templating: { readonly list: readonly { name: string; type: string; definition?: string }[] }
  readonly annotations: { readonly list: readonly ({ readonly name: string } & Asked)[] }
}

export function readDashboards(): { name: string; text: string }[] {
  const names = readdirSync(new URL('grafana/', DASHBOARDS)).toSorted()
  return names.map((name) => ({ name, text: readText(`grafana/${name}`) }))
}

export interface Query {
  /** Where it stands, for whoever mends it. */
  readonly where: string
  readonly expr: string
}

/** All that a dashboard asks Prometheus. */
export function queriesOf(name: string, dashboard: DashboardJson): Query[] {
  const ofPanels = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ where: `${name}: ${title}`, expr })),
  )
  const ofAnnotations = dashboard.annotations.list.map((one) => ({ where: `${name}: ${one.name}`, expr: one.expr }))
  return [...ofPanels, ...ofAnnotations]
}

/** As Grafana asks for it when everything is chosen. `window`: how far back rates look. */
export function filledIn(expr: string, job: string, window: string): string {
  return expr
    .replaceAll(/\$__rate_interval|\$__interval|\$__range/g, window)
    .replaceAll('$job', job)
    .replaceAll(/\$[a-z]+/g, '.*')
}
