// The live console as replicas serve it: what the page may do, and that it needs nothing from anywhere else.

import test from 'ava'
import { send, serve } from './served.ts'

/** Nobody looks anything up there: namespaces, and what is shown in an empty field. */
const NAMES_ONLY = ['http://www.w3.org', 'https://example.org']
const HTML = { headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } }

test('the page: a policy under which nothing runs but its own files, and nothing of it is from elsewhere', async (t) => {
  const { url } = await serve(t)
  const page = await send(`${url}/`, HTML)
  t.is(page.status, 200)
  const policy = new Map(
    (page.headers.get('content-security-policy') ?? '').split('; ').map((directive): [string, string] => {
      const [name, ...sources] = directive.split(' ')
      return [name as string, sources.join(' ')]
    }),
  )
  t.is(policy.get('default-src'), "'none'")
  for (const directive of ['script-src', 'style-src', 'img-src']) t.is(policy.get(directive), "'self'", directive)
  for (const directive of ['base-uri', 'form-action', 'frame-ancestors', 'trusted-types'])
    t.is(policy.get(directive), "'none'", directive)
  t.is(policy.get('require-trusted-types-for'), "'script'")
  t.is(page.headers.get('x-content-type-options'), 'nosniff')

  const files = [...page.text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, file]) => file as string)
  t.deepEqual(files.toSorted(), ['/console/console.css', '/console/console.js', '/console/icon.svg'])
  t.notRegex(page.text, /<style|<script(?! type="module" src=)|style=|\son\w+=/, 'nothing inline')
  for (const file of files) {
    const { status, text } = await send(url + file)
    t.is(status, 200, file)
    const addresses = [...text.matchAll(/https?:\/\/[\w.-]+/g)].map(([address]) => address)
    t.deepEqual(
      addresses.filter((address) => !NAMES_ONLY.includes(address)),
      [],
      file,
    )
  }
})

test('who does not ask for HTML is told how to begin, at the address that it has asked', async (t) => {
  const { url } = await serve(t)
  const told = await send(`${url}/`)
  t.is(told.headers.get('content-type'), 'text/plain; charset=utf-8')
  t.is(told.headers.get('content-security-policy'), null)
  const { host } = new URL(url)
  for (const line of told.text.trim().split('\n')) t.regex(line, new RegExp(`^curl .*http://${host}/v1/`))
  t.is((await send(`${url}/console/nothing.js`, HTML)).status, 404)
})
