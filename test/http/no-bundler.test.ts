// A replica that cannot bundle the client library. A file of its own: esbuild looks for its program once.

import { fileURLToPath } from 'node:url'
import test from 'ava'
import { send, serve } from './served.ts'

// No program.
process.env['ESBUILD_BINARY_PATH'] = fileURLToPath(import.meta.url)

test('client.js where no bundler runs: a 500, the reason in the log, and the replica serves on', async (t) => {
  const { url, bugs } = await serve(t)
  for (const times of [1, 2]) {
    t.is((await send(`${url}/client.js`)).status, 500)
    t.is(bugs.length, times, 'it is tried again each time')
    const { message, cause } = bugs.at(-1) as Error
    t.is(message, 'The client library for browsers could not be bundled.')
    t.regex(String(cause), /spawn .*EACCES/)
  }
  t.is((await send(`${url}/healthz`)).status, 200)
})
