import { readFileSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { Metrics } from '../../broker/metrics/metrics.ts'

const README = new URL('../../broker/metrics/README.md', import.meta.url)
const HEAD = '| metric | type, labels | what it is, and what a bad value means |\n| --- | --- | --- |\n'

/** One line a metric, by name; a limit stands in the line of what it limits. */
function table(): string {
  const metrics = new Metrics({ now: () => 0, version: '', processMetrics: true })
  const all = metrics.described().sort((a, b) => (a.name < b.name ? -1 : 1))
  const lines = all
    .filter(({ name }) => !name.endsWith('_limit'))
    .map(({ name, type, labels, help }) => {
      const limit = all.find((other) => other.name === `${name}_limit`)
      const by = [type, ...labels.map((label) => `\`${label}\``)].join(', ')
      const beside = limit === undefined ? '' : ` <br>\`${limit.name}\`: ${limit.help}`
      return `| \`${name}\` | ${by} | ${help}${beside} |\n`
    })
  return HEAD + lines.join('')
}

test('the table of all metrics is that of the help texts', (t) => {
  const text = readFileSync(README, 'utf8')
  const from = text.indexOf(HEAD)
  const to = text.indexOf('\n\n', from)
  t.true(from > 0 && to > from, 'it is found')
  const wanted = `${text.slice(0, from)}${table()}${text.slice(to + 1)}`
  if (process.env['REWRITE'] === '1') writeFileSync(README, wanted)
  t.is(readFileSync(README, 'utf8'), wanted, 'REWRITE=1 npx ava test/metrics/readme.test.ts writes it anew')
})
