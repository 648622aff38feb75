// A real browser for a test. In its pages nothing may go wrong but what the test makes go wrong: an error that nobody
// caught, or a message in the console that is not about the killed replica, is a failure.

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Browser, chromium, type Page } from 'playwright-core'
import { natsTest } from '../nats-server.ts'

const HOW_TO_GET =
  'No Chromium found: what needs a browser is skipped. Get it (Debian: apt-get install chromium) or set ' +
  'CHROMIUM=/path/to/chromium.'

const program = findChromium()
if (program === undefined) {
  // Where a run must be complete, skipping would be a lie.
  if (process.env['CI'] === 'true') throw new Error(HOW_TO_GET)
  console.error(HOW_TO_GET)
}

/** `test` where there are a browser and a nats-server, and otherwise `test.skip`. */
export const browserTest: typeof test.skip = program === undefined ? test.skip : natsTest

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
  private readonly dead: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.troubles.push(`not caught: ${error.stack ?? error.message}`))
    page.on('crash', () => this.troubles.push('the page crashed'))
    page.on('console', (message) => {
      const text = `${message.type()}: ${message.text()} (${message.location().url})`
      const isOfDead = text.includes('net::ERR_') && this.dead.some((host) => text.includes(host))
      if (['error', 'warning', 'assert'].includes(message.type()) && !isOfDead) this.troubles.push(text)
    })
  }

  /** `dead`: replicas that are gone already. */
  static async open(browser: Browser, url: string, dead: readonly string[] = []): Promise<TestPage> {
    const opened = new TestPage(await (await browser.newContext()).newPage())
    for (const replica of dead) opened.mayLose(replica)
    await opened.page.goto(url)
    return opened
  }

  /** From now on the browser may complain that it does not reach this one. */
  mayLose(replicaUrl: string): void {
    this.dead.push(new URL(replicaUrl).host)
  }

  /** Resolves with the value of an expression in the page once it is true; rejects with what the page has to say. */
  async until<Value>(name: string, expression: string, withinMs = 20_000): Promise<Value> {
    try {
      const handle = await this.page.waitForFunction(expression, undefined, { timeout: withinMs, polling: 50 })
      return (await handle.jsonValue()) as Value
    } catch (error) {
      throw new Error(`${name} did not come about: ${(error as Error).message}\n${this.troubles.join('\n')}`)
    }
  }
}
