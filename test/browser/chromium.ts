// A real browser for a test. In its pages nothing may go wrong but what the test makes go wrong: an error that nobody
// caught, or a message in the console that is not about the killed replica, is a failure.

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setInterval as every } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { natsTest } from '../nats-server.ts'

const HOW_TO_GET =
  'No Chromium found: what needs a browser is skipped. Get it (Debian: apt-get install chromium) or set ' +
  'CHROMIUM=/path/to/chromium.'

const POLL_MS = 25
const PATIENCE_MS = 60_000

const program = findChromium()
if (program === undefined) {
  // Where a run must be complete, skipping would be a lie.
  if (process.env['CI'] === 'true') throw new Error(HOW_TO_GET)
  console.error(HOW_TO_GET)
}

/** `test` where there are a browser and a nats-server, and otherwise `test.skip`. One after another: each has a group and a browser. */
export const browserTest: typeof test.skip = program === undefined || natsTest === test.skip ? test.skip : test.serial

/** The path of the program; undefined: there is none. `CHROMIUM` is taken at its word. */
function findChromium(): string | undefined {
  const chosen = process.env['CHROMIUM']
  if (chosen) return chosen
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export async function openBrowser(t: ExecutionContext): Promise<Browser> {
  if (program === undefined) throw new Error(HOW_TO_GET)
  // As root, as in containers, Chromium runs only without its sandbox; it sees nothing but our pages.
  const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())
  return browser
}

/** A page of its own, with a storage of its own. */
export class TestPage {
  readonly page: Page
  /** What went wrong in it. */
  readonly troubles: string[] = []
  /** What it was told where it was refused something. */
  private readonly refusals: string[] = []
  private readonly dead: string[] = []
  private readonly refused: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.troubles.push(`not caught: ${error.stack ?? error.message}`))
    page.on('crash', () => this.troubles.push('the page crashed'))
    page.on('response', async (response) => {
      if (response.status() < 400) return
      const said = await response.text().catch(() => 'nothing that can be read')
      this.refusals.push(`${response.request().method()} ${response.url()}: ${response.status()}, ${said}`)
    })
    page.on('console', (message) => {
      const text = `${message.type()}: ${message.text()} (${message.location().url})`
      const isOfDead = /net::ERR_/.test(text) && this.dead.some((host) => text.includes(host))
      // The page itself gives up what it is opening: its replica has left the view, or has not answered in time.
      const isGivenUp = /closed before the connection is established/.test(text)
      const isRefusal = /responded with a status of 4\d\d/.test(text) && this.refused.includes(message.location().url)
      if (isRefusal) this.refused.splice(this.refused.indexOf(message.location().url), 1)
      else if (['error', 'warning', 'assert'].includes(message.type()) && !isOfDead && !isGivenUp)
        this.troubles.push(text)
    })
  }

  /** `dead`: replicas that are gone already. */
  static async open(
    browser: Browser,
    url: string,
    dead: readonly string[] = [],
    options: BrowserContextOptions = {},
  ): Promise<TestPage> {
    const opened = new TestPage(await (await browser.newContext(options)).newPage())
    await opened.page.addInitScript(
      `addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => console.error('forbidden: ' + violatedDirective + ' ' + blockedURI))`,
    )
    for (const replica of dead) opened.mayLose(replica)
    await opened.page.goto(url)
    return opened
  }

  /** From now on the browser may complain that it does not reach this one. */
  mayLose(replicaUrl: string): void {
    this.dead.push(new URL(replicaUrl).host)
  }

  /** The page is about to ask for this and to be refused, once: the browser writes that down as an error, whatever the page does. */
  mayBeRefused(url: string): void {
    this.refused.push(url)
  }

  /** Resolves with the value of an expression in the page once it is true; rejects with what the page has to say. */
  async until<Value>(name: string, expression: string): Promise<Value> {
    const deadline = performance.now() + PATIENCE_MS
    // Asked from here: a page whose policy is strict evaluates nothing by itself.
    for await (const _ of every(POLL_MS)) {
      const value = await this.page.evaluate<Value>(expression)
      if (value) return value
      if (performance.now() > deadline) break
    }
    const known = [...this.troubles, ...this.refusals].join('\n')
    throw new Error(`${name} did not come about: ${expression}\n${known}`)
  }
}
