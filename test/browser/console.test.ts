// The live console in a real browser: what people do with it, while replicas are killed. Whatever it loads and asks for
// comes from replicas, and nothing that its policy forbids is tried.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setInterval as every } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import type { AxeResults } from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { type ReplicaProcess, startDevGroup } from '../../clients/examples/replicas.ts'
import { connect } from '../../clients/src/index.ts'
import { browserTest, openBrowser, TestPage } from './chromium.ts'
import { putTopic, start, startGroup } from './real-group.ts'

const START_MS = 60_000
const ORDER = {
  title: 'Order',
  type: 'object',
  properties: {
    item: { type: 'string', minLength: 1, description: 'what is bought' },
    count: { type: 'integer', minimum: 1 },
    size: { enum: ['small', 'large'] },
    customer: {
      type: 'object',
      properties: { name: { type: 'string' }, since: { type: 'string', format: 'date' } },
      required: ['name'],
    },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 2 },
  },
  required: ['item', 'count'],
} as const

interface Seen {
  readonly window: TestPage
  readonly page: Page
  /** Origins of all that it asked for. */
  readonly origins: Set<string>
}

async function openConsole(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Seen> {
  const window = await TestPage.open(browser, 'about:blank', [], options)
  const { page } = window
  const origins = new Set<string>()
  page.on('request', (request) => origins.add(new URL(request.url()).origin))
  page.on('websocket', (socket) => origins.add(new URL(socket.url()).origin.replace(/^ws/, 'http')))
  await page.goto(url)
  await window.until('a view', 'Number(document.querySelector("[data-view]")?.dataset.view) > 0')
  return { window, page, origins }
}

/** A whole group in one process. */
async function devGroup(t: ExecutionContext): Promise<readonly string[]> {
  const group = await startDevGroup(AbortSignal.timeout(START_MS))
  t.teardown(() => group.stop())
  return group.urls
}

/** Publishes through all replicas until the function that it returns is called; then resolves with how many. */
function keepPublishing(
  t: ExecutionContext,
  replicas: readonly string[],
  topics: readonly string[],
): () => Promise<number> {
  const client = connect({ replicas })
  let wanted = true
  let count = 0
  const publishing = (async () => {
    for await (const _ of every(120)) {
      if (!wanted) return
      const topic = topics[count % topics.length] as string
      await client.publish(topic, { item: ['tea', 'jam', 'bread'][count % 3], count: 1 + (count++ % 7) })
    }
  })().catch((error: Error) => {
    if (wanted) t.fail(error.stack)
  })
  t.teardown(() => {
    wanted = false
    client.close()
  })
  return async () => {
    wanted = false
    await publishing
    return count
  }
}

browserTest(
  'console: a topic is made, faults are shown in their fields, what is published is watched, and a link goes on there',
  async (t) => {
    const [urls, browser] = await Promise.all([devGroup(t), openBrowser(t)])
    const { window, page, origins } = await openConsole(browser, urls[0] as string)

    await page.getByRole('button', { name: 'New topic' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('orders.new')
    await dialog.getByLabel(/JSON Schema/).fill(JSON.stringify({ ...ORDER, type: 'nothing' }))
    window.mayBeRefused(`${urls[0]}/v1/topics/orders.new`)
    await dialog.getByRole('button', { name: 'Make it' }).click()
    t.regex((await dialog.getByRole('alert').textContent()) ?? '', /schema/)
    await dialog.getByLabel(/JSON Schema/).fill(JSON.stringify(ORDER))
    await dialog.getByRole('button', { name: 'Make it' }).click()

    const form = page.getByRole('form', { name: 'Publish to orders.new' })
    const publish = form.getByRole('button', { name: 'Publish' })
    await form.getByLabel('count').fill('0')
    await publish.click()
    const item = form.getByLabel('item')
    await window.until('the fault of the item', 'document.querySelector("[data-path=\'/item\'][aria-invalid=true]")')
    t.is(await item.evaluate((field) => field === field.ownerDocument.activeElement), true, 'it is focused')
    t.is(await described(item), "must have required property 'item'")
    await item.fill('tea')
    await publish.click()
    await window.until('the fault of the count', 'document.querySelector("[data-path=\'/count\'][aria-invalid=true]")')
    t.is(await described(form.getByLabel('count')), 'must be >= 1')
    await form.getByLabel('count').fill('two')
    await publish.click()
    await window.until('another fault', 'document.querySelector(".wrong")?.textContent.includes("integer")')
    await form.getByLabel('count').fill('2')
    await form.getByLabel('with customer').check()
    await form.getByLabel('name').fill('Ada')
    await form.getByLabel('since').fill('yesterday')
    await publish.click()
    await window.until(
      'a fault further down',
      'document.querySelector("[data-path=\'/customer/since\'][aria-invalid=true]")',
    )
    await form.getByLabel('since').fill('2026-01-31')
    await form.getByRole('button', { name: 'Add to tags' }).click()
    await form.getByRole('textbox', { name: 'tags 1' }).fill('new')
    await form.getByLabel('size').selectOption('large')
    await publish.click()
    const seq = Number(await window.until<string>('its place', 'document.querySelector(".published")?.dataset.seq'))

    await page.getByRole('button', { name: 'Watch it' }).click()
    await window.until('the event', `document.querySelector('[data-seq="${seq}"].row')`)
    const [row] = await page.locator('.row-event .row-text').allTextContents()
    const data = { item: 'tea', count: 2, size: 'large', customer: { name: 'Ada', since: '2026-01-31' }, tags: ['new'] }
    t.deepEqual(JSON.parse(row as string), { ...data })

    await window.until('the place in the link', `location.hash.endsWith('%3A${seq}')`)
    const link = new URL(page.url())
    await form.getByLabel('as JSON').check()
    await form.getByLabel('Data, any JSON').fill('{"item":"jam","count":')
    await publish.click()
    await window.until('what is no JSON', 'document.querySelector(".wrong")?.textContent.includes("not JSON")')
    await form.getByLabel('Data, any JSON').fill('{"item":"jam","count":7}')
    await publish.click()
    await window.until('the second event', 'document.querySelectorAll(".row-event").length === 2')
    const other = await openConsole(browser, `${urls[1]}/${link.hash}`)
    await other.window.until('what came after', 'document.querySelectorAll(".row-event").length >= 1')
    t.deepEqual(await other.page.locator('.row-event .row-text').allTextContents(), ['{"item":"jam","count":7}'])

    await page.getByLabel('Topics and wildcards').fill('orders.>')
    await page.getByText('causal', { exact: true }).click()
    await page.getByRole('button', { name: 'Watch', exact: true }).click()
    await window.until(
      'a subscription below safe',
      'document.querySelector(".watched")?.textContent.includes("causal")',
    )
    await publish.click()
    await window.until('an event that is kept', 'document.querySelector("[data-fate=kept], [data-fate=placed]")')
    for (const one of [{ window, origins }, other]) {
      t.deepEqual(one.window.troubles, [])
      t.deepEqual(
        [...one.origins].filter((origin) => !urls.includes(origin)),
        [],
        'all comes from replicas',
      )
    }
  },
)

async function described(field: ReturnType<Page['locator']>): Promise<string | null> {
  const id = await field.getAttribute('aria-describedby')
  return await field.page().locator(`[id="${id}"]`).textContent()
}

/** When the page shows a view from this number on, in milliseconds since 1970. */
const shownAt = (page: Page, view: number): Promise<number> =>
  page.evaluate(
    `new Promise((resolve) => {
      const element = document.querySelector('[data-view]')
      const look = () => Number(element.dataset.view) >= ${view} && resolve(performance.timeOrigin + performance.now())
      new MutationObserver(look).observe(element, { attributes: true })
      look()
    })`,
  )

const viewOf = (page: Page): Promise<number> =>
  page.evaluate('Number(document.querySelector("[data-view]").dataset.view)')

interface SeenToGo {
  /** From the SIGKILL until the page shows the next view, in milliseconds. */
  readonly afterMs: number
  /** How much of it the page took, once another replica had that view. */
  readonly pageMs: number
}

/** Kills a replica, and looks at the page and at another replica until both have the next view. */
async function killAndSee({ window, page }: Seen, killed: ReplicaProcess, other: ReplicaProcess): Promise<SeenToGo> {
  const next = (await viewOf(page)) + 1
  window.mayLose(killed.url)
  const shown = shownAt(page, next)
  const killedAt = Date.now()
  await killed.kill()
  const installed = (async () => {
    for await (const _ of every(10)) {
      const { view } = (await (await fetch(`${other.url}/v1/cluster`)).json()) as { view: { number: number } }
      if (view.number >= next) break
    }
    return Date.now()
  })()
  const shownMs = await shown
  return { afterMs: Math.round(shownMs - killedAt), pageMs: Math.round(shownMs - (await installed)) }
}
const stateOf = (name: string): string => `document.querySelector('[data-member="${name}"]')?.dataset.state`

/** The places that a lane shows, of those that all lanes have. */
const lanesOf = (page: Page): Promise<string[]> =>
  page.evaluate(
    `[...document.querySelectorAll('.lane-name')].map(({ textContent: name }) =>
      [...document.querySelectorAll('.column')]
        .filter((column) => !column.querySelector('.cell-hollow'))
        .map((column) => column.querySelector('[data-lane="' + name + '"]').textContent).join(' '))`,
  )

browserTest(
  'console: a replica is killed, and the new view is shown within a second; its own is killed, and it moves by itself',
  async (t) => {
    const [replicas, browser] = await Promise.all([startGroup(t), openBrowser(t)])
    const [a, b, c] = replicas as [ReplicaProcess, ReplicaProcess, ReplicaProcess]
    await putTopic(replicas, 'orders', ORDER)
    for (const topic of ['prices.tea', 'prices.jam']) await putTopic(replicas, topic, { type: 'object' })
    const stopPublishing = keepPublishing(t, [b.url, c.url], ['orders', 'prices.tea', 'prices.jam'])
    const opened = await openConsole(browser, a.url, { viewport: { width: 1360, height: 900 } })
    const { window, page, origins } = opened
    await page.getByRole('button', { name: 'Watch', exact: true }).click()
    await window.until('three lanes', 'document.querySelectorAll(".lane-name").length === 3')
    await window.until(
      'events in all lanes',
      'document.querySelectorAll(".column:not(:has(.cell-hollow))").length >= 10',
    )
    const lanes = await lanesOf(page)
    t.true(lanes[0] !== undefined && lanes[0].split(' ').length >= 10)
    t.deepEqual(new Set(lanes).size, 1, 'the same order in every lane')

    const seen = await killAndSee(opened, c, b)
    await window.until(
      'the view in both lanes',
      'document.querySelectorAll(".column-view:not(:has(.cell-hollow))").length >= 1',
    )
    await window.until('that c is gone', `${stateOf('c')} === 'gone'`)
    await window.until('all steps of the change', 'document.querySelectorAll(".step-done").length === 4')
    t.regex((await page.locator('.steps').textContent()) ?? '', /c is suspected/)

    await start(c)
    await window.until('c, back', `${stateOf('c')} === 'working'`)
    await window.until('the third lane', 'document.querySelectorAll(".lane-name").length === 3')

    t.is(await page.evaluate('document.querySelector("[data-replica]").dataset.replica'), 'a')
    const moved = await killAndSee(opened, a, b)
    await window.until(
      'another replica',
      '["b", "c"].includes(document.querySelector("[data-replica]")?.dataset.replica)',
    )
    t.regex((await page.locator('.moved').textContent()) ?? '', /^Replica a was lost, and this page went on at [bc]\./)
    t.log(`shown ${seen.afterMs} ms after a SIGKILL, and ${moved.afterMs} ms after that of its own replica`)
    // Where the machine is busy with something else the group itself may need longer, once.
    t.true(Math.min(seen.afterMs, moved.afterMs) < 1000)
    t.true(Math.max(seen.pageMs, moved.pageMs) < 1000, `the page took ${seen.pageMs} and ${moved.pageMs} ms of it`)

    await page.getByRole('button', { name: /^orders/ }).click()
    const form = page.getByRole('form', { name: 'Publish to orders' })
    await form.getByLabel('item').fill('after the move')
    await form.getByLabel('count').fill('1')
    await form.getByRole('button', { name: 'Publish' }).click()
    await window.until('its place', 'document.querySelector(".published")?.dataset.seq')
    const count = (await stopPublishing()) + 1
    await window.until('the last event', `document.querySelector('.rows').textContent.includes('after the move')`)
    // All at one moment: what was published last may still come.
    const shown = await page.evaluate<string[]>(
      '[...document.querySelectorAll(".row-event")].map((row) => row.dataset.seq)',
    )
    t.is(new Set(shown).size, shown.length, `of ${count} events none is shown twice`)
    t.deepEqual(
      [...origins].filter((origin) => !replicas.some(({ url }) => url === origin)),
      [],
    )
    t.deepEqual(window.troubles, [])
  },
)

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const APPEARANCES: readonly (readonly [string, BrowserContextOptions])[] = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['on a phone', { colorScheme: 'light', viewport: { width: 375, height: 720 }, hasTouch: true, isMobile: true }],
  ['with less motion', { reducedMotion: 'reduce' }],
]

browserTest(
  'console: in light and dark, on a phone and with less motion axe finds nothing, and nothing is wider than the window',
  async (t) => {
    const [urls, browser] = await Promise.all([devGroup(t), openBrowser(t)])
    await fetch(`${urls[0]}/v1/topics/orders`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ schema: ORDER }),
    })
    keepPublishing(t, urls, ['orders'])
    for (const [name, options] of APPEARANCES) {
      // Its policy would not let in what looks at it; that it holds, the other tests see.
      const { window, page } = await openConsole(browser, urls[0] as string, { ...options, bypassCSP: true })
      await page.getByRole('button', { name: /^orders/ }).click()
      await page.getByLabel('count').fill('0')
      await page.getByRole('button', { name: 'Publish', exact: true }).click()
      await page.getByRole('button', { name: 'Watch', exact: true }).click()
      await window.until('a fault', 'document.querySelector(".wrong")')
      await window.until('events', 'document.querySelectorAll(".row-event").length >= 3')
      await window.until('lanes', 'document.querySelectorAll(".column").length >= 3')
      await page.evaluate(AXE)
      const { violations } = await page.evaluate<AxeResults>('axe.run()')
      t.deepEqual(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
        [],
        name,
      )
      t.true(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${name}: too wide`)
      t.deepEqual(window.troubles, [], name)
      await page.context().close()
    }
  },
)

browserTest(
  'console: by keyboard alone one comes to a place of the order, chooses another theme and publishes',
  async (t) => {
    const [urls, browser] = await Promise.all([devGroup(t), openBrowser(t)])
    await fetch(`${urls[0]}/v1/topics/notes`, { method: 'PUT' })
    const stopPublishing = keepPublishing(t, urls, ['notes'])
    const { window, page } = await openConsole(browser, urls[0] as string)
    await window.until('lanes', 'document.querySelectorAll(".column").length >= 6')
    const tabTo = async (selector: string): Promise<void> => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Tab')
        if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
      }
      t.fail(`${selector} is not reached`)
    }
    await tabTo('.theme select')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    t.is(await page.evaluate('document.documentElement.dataset.theme'), 'dark')
    await tabTo('.column')
    const at = await page.evaluate<number>('Number(document.activeElement.dataset.seq)')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('Enter')
    const chosen = await page.evaluate<number>('Number(document.activeElement.dataset.seq)')
    t.true(chosen < at)
    t.regex((await page.locator('.details').textContent()) ?? '', new RegExp(`^Place ${chosen} · notes`))
    await stopPublishing()
    await tabTo('.topic')
    while (!(await page.evaluate<boolean>('document.activeElement.textContent.startsWith("notes")')))
      await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await tabTo('.publish textarea')
    await page.keyboard.type('{"by":"keyboard"}')
    await tabTo('.publish [type=submit]')
    await page.keyboard.press('Enter')
    await window.until('its place', 'document.querySelector(".published")?.dataset.seq')
    await page.emulateMedia({ colorScheme: 'light' })
    t.is(
      await page.evaluate('getComputedStyle(document.documentElement).colorScheme'),
      'dark',
      'what was chosen goes before what the system has',
    )
    t.deepEqual(window.troubles, [])
  },
)
