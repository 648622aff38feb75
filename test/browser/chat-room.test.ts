// The example of a chat room: people in windows of a real browser, and the replica of one of them killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { Browser } from 'playwright-core'
import { browserTest, openBrowser, TestPage } from './chromium.ts'
import { startGroup } from './real-group.ts'

const EXAMPLE = fileURLToPath(new URL('../../clients/examples/chat-room.ts', import.meta.url))

interface Served {
  readonly url: string
  readonly process: ChildProcess
}

async function serveChat(t: ExecutionContext, args: readonly string[]): Promise<Served> {
  const child = spawn(process.execPath, [EXAMPLE, '--port', '0', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGTERM'))
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\S+/.exec(line)?.[0]
    if (url !== undefined) return { url, process: child }
  }
  throw new Error('it ended before it served')
}

/** Somebody at a window. */
class Person {
  readonly window: TestPage
  private readonly name: string

  private constructor(name: string, window: TestPage) {
    this.name = name
    this.window = window
  }

  static async enter(browser: Browser, url: string, name: string, dead: readonly string[] = []): Promise<Person> {
    const window = await TestPage.open(browser, url, dead)
    await window.until(`a replica for ${name}`, 'document.querySelector("#status").dataset.replica')
    await window.page.getByLabel('Name').fill(name)
    return new Person(name, window)
  }

  async say(text: string): Promise<void> {
    await this.window.page.getByLabel('Message', { exact: true }).fill(text)
    await this.window.page.getByRole('button', { name: 'Send' }).click()
  }

  /** All that is shown, once so much is. */
  async reads(count: number): Promise<string[]> {
    const lines = 'document.querySelectorAll("#log .message")'
    await this.window.until(`${count} messages for ${this.name}`, `${lines}.length >= ${count}`)
    const text = `[...${lines}].map(({ children: [, name, text] }) => name.textContent + ': ' + text.textContent)`
    return await this.window.page.evaluate<string[]>(text)
  }

  async replica(): Promise<string> {
    return await this.window.page.evaluate<string>('document.querySelector("#status").dataset.replica')
  }
}

browserTest('two people chat, and the replica of one is killed: all is read by all, once, in one order', async (t) => {
  const [replicas, browser] = await Promise.all([startGroup(t), openBrowser(t)])
  const { url } = await serveChat(t, ['--replicas', replicas.map((replica) => replica.url).join()])
  const [alice, bob] = await Promise.all([Person.enter(browser, url, 'Alice'), Person.enter(browser, url, 'Bob')])
  await alice.say('hello')
  await bob.reads(1)
  await bob.say('<b>hi</b> & welcome')
  t.deepEqual(await alice.reads(2), ['Alice: hello', 'Bob: <b>hi</b> & welcome'])
  t.deepEqual(await bob.reads(2), await alice.reads(2))

  const attached = await alice.replica()
  const victim = replicas.find(({ name }) => name === attached)
  for (const { window } of [alice, bob]) window.mayLose(victim!.url)
  await victim!.kill()
  const lines = ['one', 'two', 'three']
  for (const line of lines) {
    await alice.say(line)
    await bob.say(line)
  }
  const read = await alice.reads(8)
  t.deepEqual(await bob.reads(8), read)
  for (const name of ['Alice', 'Bob']) {
    t.deepEqual(
      read.slice(2).filter((line) => line.startsWith(name)),
      lines.map((line) => `${name}: ${line}`),
    )
  }
  t.not(await alice.replica(), attached)
  const note = await alice.window.page.locator('#log .note').first().textContent()
  t.regex(note ?? '', new RegExp(`^moved from replica ${attached} to [abc]$`))
  const members = 'document.querySelector("#status").textContent.split(" of ")[1]?.match(/\\w+/g)'
  await alice.window.until('the view without it', `${members}?.includes('${attached}') === false`)

  const carol = await Person.enter(browser, url, 'Carol', [victim!.url])
  t.deepEqual(await carol.reads(8), read, 'who comes later reads what was said')
  await carol.window.page.getByLabel('Another room').fill('garden')
  await carol.window.page.getByLabel('Another room').press('Enter')
  await carol.window.until('the room', 'document.querySelector("#room").textContent === "garden"')
  await carol.say('anybody here?')
  t.deepEqual(await carol.reads(1), ['Carol: anybody here?'])
  t.deepEqual(await bob.reads(8), read, 'in his room nothing is heard of it')
  t.deepEqual(
    [alice, bob, carol].flatMap(({ window }) => window.troubles),
    [],
  )
})

test('without replicas of its own the example starts a group, and ends it', async (t) => {
  const { url, process: child } = await serveChat(t, [])
  const [replica] = (await (await fetch(`${url}replicas.json`)).json()) as string[]
  t.is((await fetch(`${replica}/readyz`)).status, 200)
  t.regex(await (await fetch(url)).text(), /<title>Chat room/)
  t.is((await fetch(`${url}package.json`)).status, 404)
  child.kill('SIGTERM')
  t.deepEqual(await once(child, 'exit'), [0, null])
  await t.throwsAsync(fetch(`${replica}/readyz`))
})

test('called wrongly it says so in a sentence', async (t) => {
  for (const [args, sentence] of [
    [['--port', 'x'], /--port takes a whole number/],
    [['--replicas', 'here'], /--replicas takes URLs/],
  ] as const) {
    const child = spawn(process.execPath, [EXAMPLE, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    t.deepEqual(await once(child, 'close'), [2, null])
    t.regex(said, sentence)
  }
})
