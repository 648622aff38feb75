// Grafana's dashboards as values: what a panel shows and what to do about it is written by hand, and all that Grafana
// wants besides (identities, places in the grid, one data source for all) is made here, the same each time.

/** Whoever imports a dashboard chooses the Prometheus; no query names one. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana that fills it in.
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const
const GRID_COLUMNS = 24
const SCHEMA_VERSION = 38
const WHOLE_LINE = { w: GRID_COLUMNS, h: 1 }

/** As Grafana calls them: none, seconds, bytes, a share from 0 to 1, and each a second. */
export type Unit = 'short' | 's' | 'bytes' | 'percentunit' | 'cps' | 'Bps' | 'bool_yes_no'

export interface Target {
  readonly expr: string
  /** Text of the legend; `{{instance}}` stands for the value of that label. */
  readonly legend: string
  /** Only the newest value is asked for. */
  readonly instant?: boolean
}

export interface Panel {
  readonly title: string
  /** What a bad value looks like, and what to do about it. */
  readonly description: string
  readonly kind: 'timeseries' | 'stat' | 'state-timeline' | 'table'
  readonly targets: readonly Target[]
  readonly unit: Unit
  /** Columns, of 24. */
  readonly width: number
  readonly height: number
  /** The colour from each value on; the first is that of all below. */
  readonly steps?: readonly (readonly [from: number | null, colour: Colour])[]
  readonly stacked?: boolean
}

export type Colour = 'green' | 'yellow' | 'red' | 'blue'

export interface Variable {
  readonly name: string
  readonly label: string
  /** Its values are those of this label. */
  readonly values: { readonly of: string; readonly label: string }
  readonly several: boolean
}

export interface Annotation {
  readonly name: string
  readonly expr: string
  readonly text: string
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly annotations: readonly Annotation[]
  readonly rows: readonly Row[]
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

export const target = (expr: string, legend: string): Target => ({ expr, legend })

type Look = Partial<Pick<Panel, 'unit' | 'width' | 'height' | 'steps' | 'stacked'>>

/** Lines over time. */
export function timeseries(title: string, description: string, targets: readonly Target[], look: Look = {}): Panel {
  return { kind: 'timeseries', title, description, targets, unit: 'short', width: 8, height: 8, ...look }
}

/** The newest value, large. */
export function stat(title: string, description: string, targets: readonly Target[], look: Look = {}): Panel {
  const now = targets.map((one) => ({ ...one, instant: true }))
  return { kind: 'stat', title, description, targets: now, unit: 'short', width: 4, height: 4, ...look }
}

/** A bar for each series, coloured by its value. */
export function states(title: string, description: string, targets: readonly Target[], look: Look = {}): Panel {
  return { kind: 'state-timeline', title, description, targets, unit: 'short', width: 12, height: 6, ...look }
}

/** A line for each series: its labels, and its newest value. */
export function table(title: string, description: string, targets: readonly Target[], look: Look = {}): Panel {
  const now = targets.map((one) => ({ ...one, instant: true }))
  return { kind: 'table', title, description, targets: now, unit: 'short', width: 24, height: 8, ...look }
}

/** The text of the file that Grafana imports. */
export function toJson(dashboard: Dashboard): string {
  const { uid, title, description, variables, annotations, rows } = dashboard
  const whole = {
    uid,
    title,
    description,
    tags: ['lockstep'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1, // The cross hair is drawn in all panels at once.
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    timezone: 'browser',
    links: [
      {
        title: 'Lockstep',
        type: 'dashboards',
        tags: ['lockstep'],
        asDropdown: false,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: { list: [datasourceVariable(), ...variables.map(variableJson)] },
    annotations: { list: annotations.map(annotationJson) },
    panels: layOut(rows),
  }
  return `${JSON.stringify(whole, undefined, 2)}\n`
}

/** Panels stand in their row from left to right, and go on in the next line where the grid ends. */
function layOut(rows: readonly Row[]): object[] {
  const laid: object[] = []
  let y = 0
  for (const row of rows) {
    laid.push({
      id: laid.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, ...WHOLE_LINE },
      panels: [],
    })
    y += WHOLE_LINE.h
    let x = 0
    let lineHeight = 0
    for (const panel of row.panels) {
      if (x + panel.width > GRID_COLUMNS) {
        x = 0
        y += lineHeight
        lineHeight = 0
      }
      laid.push(panelJson(panel, laid.length + 1, { x, y, w: panel.width, h: panel.height }))
      x += panel.width
      lineHeight = Math.max(lineHeight, panel.height)
    }
    y += lineHeight
  }
  return laid
}

function panelJson(panel: Panel, id: number, gridPos: object): object {
  const { kind, title, description, targets, unit, steps } = panel
  return {
    id,
    type: kind,
    title,
    description,
    gridPos,
    datasource: DATASOURCE,
    targets: targets.map(({ expr, legend, instant = false }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      instant,
      range: !instant,
      format: kind === 'table' ? 'table' : 'time_series',
    })),
    fieldConfig: {
      defaults: {
        unit,
        ...(unit !== 'bool_yes_no' && kind === 'timeseries' && { min: 0 }),
        color: { mode: steps !== undefined && kind !== 'timeseries' ? 'thresholds' : 'palette-classic' },
        ...(steps !== undefined && {
          thresholds: { mode: 'absolute', steps: steps.map(([value, color]) => ({ value, color })) },
        }),
        custom: customJson(panel),
      },
      overrides: [],
    },
    options: OPTIONS[kind],
  }
}

function customJson({ kind, stacked = false, steps }: Panel): object {
  switch (kind) {
    case 'timeseries':
      return {
        lineWidth: 1,
        fillOpacity: stacked ? 30 : 5,
        showPoints: 'never',
        spanNulls: false,
        stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
        thresholdsStyle: { mode: steps === undefined ? 'off' : 'line' },
      }
    case 'state-timeline':
      return { lineWidth: 0, fillOpacity: 80 }
    case 'stat':
    case 'table':
      return {}
  }
}

const OPTIONS: { readonly [kind in Panel['kind']]: object } = {
  timeseries: {
    legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  stat: {
    colorMode: 'background',
    graphMode: 'none',
    justifyMode: 'auto',
    textMode: 'auto',
    orientation: 'auto',
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
  'state-timeline': {
    mergeValues: true,
    showValue: 'auto',
    alignValue: 'left',
    rowHeight: 0.9,
    legend: { displayMode: 'list', placement: 'bottom', showLegend: false },
    tooltip: { mode: 'single', sort: 'none' },
  },
  table: { showHeader: true, cellHeight: 'sm' },
}

function datasourceVariable(): object {
  return { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', refresh: 1, hide: 0 }
}

function variableJson({ name, label, values, several }: Variable): object {
  const query = `label_values(${values.of}, ${values.label})`
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: 'variable' },
    refresh: 2, // Whenever the time range changes: replicas and topics come and go.
    sort: 1,
    multi: several,
    includeAll: several,
    ...(several && { allValue: '.*', current: { selected: true, text: ['All'], value: ['$__all'] } }),
  }
}

function annotationJson({ name, expr, text }: Annotation): object {
  return { name, datasource: DATASOURCE, enable: true, iconColor: 'orange', expr, titleFormat: name, textFormat: text }
}
