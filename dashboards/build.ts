// Writes the files that Grafana imports: `npm run dashboards`.

import { mkdirSync, writeFileSync } from 'node:fs'
import { DASHBOARDS } from './dashboards.ts'
import { toJson } from './grafana.ts'

const folder = new URL('grafana/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const dashboard of DASHBOARDS) {
  const name = `${dashboard.uid.replace('lockstep-', '')}.json`
  writeFileSync(new URL(name, folder), toJson(dashboard))
  console.log(`dashboards/grafana/${name}`)
}
