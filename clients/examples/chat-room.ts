// Serves the page of a chat room (chat-room/), and tells it where replicas are. All the rest is between the page and
// them: this program could end, and the chat would go on.
//
//   node clients/examples/chat-room.ts --help

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { command } from './command.ts'
import { type DevGroup, startDevGroup } from './replicas.ts'

const HELP = `Usage: node clients/examples/chat-room.ts [FLAGS]

Serves a chat room. Open it in several windows. To see it survive, start replicas as processes of their
own, and kill the one that a window says it is attached to.

  --replicas URL[,URL]  replicas of the group that carries the chat. Default: a group of three is started
                        for it, in one process, which is gone when this ends.
  --port N              where the page is served. Default: 8080; 0: any free port.
`

const FILES: readonly (readonly [path: string, file: string, type: string])[] = [
  ['/', 'index.html', 'text/html'],
  ['/chat.css', 'chat.css', 'text/css'],
  ['/chat.js', 'chat.js', 'text/javascript'],
]
const START_MS = 30_000

interface Options {
  readonly replicas: readonly string[] | undefined
  readonly port: number
}

/** Undefined: help was asked for. Throws a sentence when it was called wrongly. */
function readOptions(args: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: { replicas: text, port: text, help: { type: 'boolean' } },
  })
  if (values.help) return undefined
  const { port = '8080' } = values
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new Error(`--port takes a whole number from 0 to 65535, and was given "${port}"`)
  }
  const replicas = values.replicas?.split(',')
  for (const url of replicas ?? []) {
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new Error(`--replicas takes URLs as http://127.0.0.1:7400, and was given "${url}"`)
    }
  }
  return { replicas: replicas?.map((url) => url.replace(/\/$/, '')), port: Number(port) }
}

async function run({ replicas, port }: Options): Promise<void> {
  const ended = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  const group: DevGroup | undefined =
    replicas === undefined ? await startDevGroup(AbortSignal.timeout(START_MS)) : undefined
  const answers = new Map<string, { readonly type: string; readonly body: string | Buffer }>()
  for (const [path, file, type] of FILES) {
    const body = readFileSync(new URL(`chat-room/${file}`, import.meta.url))
    answers.set(path, { type: `${type}; charset=utf-8`, body })
  }
  answers.set('/replicas.json', { type: 'application/json', body: JSON.stringify(group?.urls ?? replicas) })

  const server = createServer(({ url = '/' }, response) => {
    const answer = answers.get(url.split('?')[0] as string)
    if (answer === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'Content-Type': answer.type, 'Cache-Control': 'no-cache' }).end(answer.body)
  })
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    console.log(`The chat room is open: http://127.0.0.1:${(server.address() as AddressInfo).port}/\nCtrl-C ends it.`)
    await ended
  } finally {
    server.close()
    server.closeAllConnections()
    await group?.stop()
  }
}

process.exitCode = await command(HELP, readOptions, async (options) => {
  await run(options)
  return 0
})
