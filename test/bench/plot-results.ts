// Pictures of what `npm run bench` has measured: bars for each workload that has peers, which were measured beside it.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { barPlot } from './plot.ts'
import { type Results, resultPlots } from './result-plots.ts'

const HELP = `node test/bench/plot-results.ts FILE FOLDER

  FILE             what npm run bench has written: build/bench.json
  FOLDER           for one picture of each workload that has peers: bench-NAME.svg

Bars are medians, whiskers the least and the greatest of the rounds.`

const [file, folder, ...more] = process.argv.slice(2)
if (file === '--help') console.log(HELP)
else if (file === undefined || folder === undefined || more.length > 0) {
  console.error(HELP)
  process.exitCode = 1
} else {
  const plots = resultPlots(JSON.parse(readFileSync(file, 'utf8')) as Results)
  mkdirSync(folder, { recursive: true })
  for (const { name, plot } of plots) writeFileSync(join(folder, `bench-${name}.svg`), barPlot(plot))
  console.log(`${plots.length} pictures are in ${folder}`)
}
