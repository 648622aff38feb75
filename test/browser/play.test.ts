// A person who plays: in a real browser, with a real group, everything that can be done to it is done, and all that it
// promises is judged by the page and holds.

import { setInterval as every } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import axe from 'axe-core'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { connect } from '../../clients/src/index.ts'
import { PlayedGroup } from '../cli/dev/played-group.ts'
import { browserTest, openBrowser, TestPage } from './chromium.ts'

/** `SCREENSHOT=1 npm test -- test/browser/play.test.ts` makes the picture of the README anew. */
const PICTURE = process.env['SCREENSHOT'] === '1' ? new URL('play.png', import.meta.url).pathname : undefined
const TOPICS = ['orders', 'prices.tea', 'prices.jam']
const ALL_WORK = { a: 'working', b: 'working', c: 'working' }

class Player {
  readonly opened: TestPage

  private constructor(opened: TestPage) {
    this.opened = opened
  }

  static async open(t: ExecutionContext, played: PlayedGroup, options: BrowserContextOptions = {}): Promise<Player> {
    const player = new Player(await TestPage.open(await openBrowser(t), played.urlOf('a'), [], options))
    // All of them are going to be out of reach.
    for (const url of played.urls) player.opened.mayLose(url)
    await player.opened.until('the panel', 'document.querySelector("#play")')
    return player
  }

  async press(name: string): Promise<void> {
    await this.opened.page.locator('#play').getByRole('button', { name, exact: true }).click()
  }

  /** Presses it, and waits for what is told of it. */
  async do(name: string, told: string): Promise<string> {
    const before = await this.told()
    await this.press(name)
    return await this.heard(before, told)
  }

  /** Of what is told after so much. */
  async heard(before: number, told: string): Promise<string> {
    const all = '[...document.querySelectorAll(".play-told li span")].map(({ textContent }) => textContent)'
    const found = `${all}.toReversed().slice(${before}).find((text) => text.startsWith(${JSON.stringify(told)}))`
    return await this.opened.until<string>(`"${told}"`, found)
  }

  async told(): Promise<number> {
    return await this.opened.page.locator('.play-told li').count()
  }

  /** Of each check, how much it has checked, and whether it holds. */
  async checks(): Promise<Record<string, { state: string; checked: number; text: string }>> {
    return await this.opened.page.evaluate(
      `Object.fromEntries([...document.querySelectorAll('[data-check]')].map((row) => [row.dataset.check, {
        state: row.dataset.state,
        checked: Number(row.querySelector('[data-checked]').dataset.checked),
        text: row.textContent,
      }]))`,
    )
  }

  /** Resolves when each replica is shown as what is said here. */
  async shows(expected: Record<string, string>): Promise<void> {
    const all = '[...document.querySelectorAll("[data-member]")].map((row) => [row.dataset.member, row.dataset.state])'
    const wanted = JSON.stringify(Object.entries(expected))
    await this.opened.until(wanted, `JSON.stringify(${all}.sort()) === ${JSON.stringify(wanted)}`)
  }

  /** Resolves when so much more was checked. */
  async more(check: string, by: number): Promise<void> {
    const { checked } = (await this.checks())[check] ?? { checked: 0 }
    const now = `Number(document.querySelector('[data-check="${check}"] [data-checked]')?.dataset.checked)`
    await this.opened.until(`${by} more of ${check}`, `${now} >= ${checked + by}`)
  }
}

browserTest(
  'pause, kill, restart, cut, heal, lose: it is told what each led to, and all that is promised holds',
  async (t) => {
    const played = await PlayedGroup.start(t)
    const player = await Player.open(t, played)
    const { page } = player.opened
    const stories: string[] = []
    const act = async (name: string, told: string): Promise<void> => {
      const story = await player.do(name, told)
      t.regex(story, /view (changed to )?\d+ .*after [\d.]+ m?s.*; nothing acknowledged was lost\.$/)
      stories.push(story)
    }
    await player.press('Publish events, and judge')
    await player.more('uniform', 5)

    await act('Kill b', 'b was killed: the view changed to ')
    t.deepEqual(await played.conditions('a'), { a: 'running', b: 'killed', c: 'running' })
    await player.more('acknowledged', 5)
    await player.shows({ a: 'working', b: 'gone', c: 'working' })
    await act('Restart b', 'b was restarted: it took over what the others have, and it is in view ')
    await player.shows(ALL_WORK)
    await act('Pause c', 'c stands still: the view changed to ')
    await player.shows({ a: 'working', b: 'working', c: 'put out' })
    await player.more('acknowledged', 5)
    await act('Resume c', 'c goes on: put out meanwhile, it caught up, and it is in view ')
    await player.shows(ALL_WORK)

    // The page's own replica is on the smaller side.
    t.deepEqual(await page.getByRole('checkbox', { checked: true }).evaluateAll((all) => all.length), 1)
    await act('Cut', 'a and b and c cannot reach each other: b and c went on in view ')
    await player.shows({ a: 'blocked', b: 'working', c: 'working' })
    await player.more('primary', 3)
    await act('Heal', 'the cut is healed: b, c and a are together in view ')
    await player.shows(ALL_WORK)

    // By the keyboard alone.
    const before = await player.told()
    const slider = page.getByRole('slider', { name: 'Lose datagrams' })
    await slider.focus()
    // Who goes slowly has chosen more before the first is done, and it stays chosen.
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    await page.route('**/loss', async (route) => {
      asked.resolve()
      await answer.promise
      await route.continue()
    })
    await slider.press('ArrowRight')
    await asked.promise
    await slider.press('ArrowRight')
    answer.resolve()
    await player.heard(before, '5 % of all datagrams are lost from now on')
    for (let i = 0; i < 2; i++) await slider.press('ArrowRight')
    stories.push(await player.heard(before, '20 % of all datagrams are lost from now on'))
    t.true(await slider.evaluate((one) => one === one.ownerDocument.activeElement), 'it keeps the focus')
    await player.more('acknowledged', 5)
    await slider.press('Home')
    await player.heard(before, 'no datagrams are lost any more')

    // The replica that served the page.
    await act('Kill a', 'a was killed: the view changed to ')
    await player.more('acknowledged', 5)
    await act('Restart a', 'a was restarted: it took over what the others have, and it is in view ')
    await player.more('uniform', 10)
    await player.more('state', 1)

    const checks = await player.checks()
    t.is(Object.keys(checks).length, 8)
    for (const [id, { state, checked, text }] of Object.entries(checks)) {
      t.is(state, 'holds', text)
      t.true(checked > 0, id)
    }
    await page.evaluate(axe.source)
    const { violations } = (await page.evaluate("axe.run('#play')")) as {
      violations: { id: string; nodes: unknown[] }[]
    }
    t.deepEqual(violations, [])
    t.deepEqual(player.opened.troubles, [])
    for (const story of stories) t.log(story)
  },
)

browserTest('too few for a quorum: it is told so, the last cannot be stopped, and a new group begins', async (t) => {
  const played = await PlayedGroup.start(t)
  const player = await Player.open(t, played)
  const { page } = player.opened
  await player.press('Publish events, and judge')
  await player.more('uniform', 5)
  await player.do('Kill b', 'b was killed: the view changed to ')
  await player.press('Kill a')
  await player.opened.until('a killed', 'document.querySelector("[data-replica=a]").dataset.condition === "killed"')
  t.true(await page.getByRole('button', { name: 'Kill c' }).isDisabled())
  await player.do('Begin anew', 'a new group began, without any events, in view ')
  await player.more('uniform', 5)
  for (const { state, text } of Object.values(await player.checks())) t.not(state, 'broken', text)
  t.deepEqual(player.opened.troubles, [])
})

browserTest('who kills a replica sees the view change, in the same window as the button', async (t) => {
  const played = await PlayedGroup.start(t)
  for (const topic of TOPICS) await played.putTopic(topic)
  const player = await Player.open(t, played, { viewport: { width: 1360, height: 900 } })
  const { opened } = player
  const client = connect({ replicas: [played.urlOf('b'), played.urlOf('c')] })
  t.teardown(() => client.close())
  await player.press('Publish events, and judge')
  let count = 0
  const publishing = (async () => {
    for await (const _ of every(200)) {
      if (opened.page.isClosed()) return
      await client.publish(TOPICS[count % TOPICS.length] as string, { item: 'tea', count: ++count })
    }
  })()
  // Where the test has failed already, that it was given up says nothing more.
  publishing.catch(() => {})
  await player.more('uniform', 10)
  // What is plotted has a past then.
  for (let i = 0; PICTURE !== undefined && i < 10; i++) await player.more('uniform', 40)
  await player.do('Kill c', 'c was killed: the view changed to ')
  await opened.until('a new view', 'document.querySelectorAll(".step-done").length === 4')
  for (const selector of ['.picture', '.lanes', '.steps .step-name'])
    t.true(await isInSight(opened.page, selector), `${selector} is in sight of who plays`)
  if (PICTURE !== undefined) {
    await opened.page.setViewportSize({ width: 1360, height: 1290 })
    await player.more('uniform', 10)
    await opened.page.screenshot({ path: PICTURE })
  }
  await opened.page.close()
  await publishing
  t.deepEqual(opened.troubles, [])
})

/** Whether all of it is within the window, as it was opened: nobody has scrolled. */
async function isInSight(page: Page, selector: string): Promise<boolean> {
  const box = await page.locator(selector).first().boundingBox()
  const height = page.viewportSize()?.height as number
  return box !== null && box.y >= 0 && box.y + box.height <= height && (await page.evaluate('scrollY')) === 0
}
