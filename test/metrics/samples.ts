// What a scrape says, for tests that know the true numbers.

import type { Metrics } from '../../broker/metrics/metrics.ts'

/** Each sample by its name and labels. */
export function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^([^# ]\S*?(?:\{.*\})?) (\S+)( # .*)?$/.exec(line)
    if (match !== null) samples.set(match[1]!, Number(match[2]))
  }
  return samples
}

export async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  return samplesOf((await metrics.text('prometheus')).text)
}

/** What a replica answers. */
export async function scrapeUrl(url: string): Promise<Map<string, number>> {
  return samplesOf(await (await fetch(`${url}/metrics`)).text())
}

/** The first scrape of which this is true. */
export async function until(
  what: string,
  url: string,
  isSo: (samples: ReadonlyMap<string, number>) => boolean,
): Promise<ReadonlyMap<string, number>> {
  const giveUpAt = performance.now() + 20_000
  for (;;) {
    const samples = await scrapeUrl(url)
    if (isSo(samples)) return samples
    if (performance.now() > giveUpAt) throw new Error(`not so within 20 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
