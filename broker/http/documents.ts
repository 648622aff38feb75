// What can be read about Lockstep at a replica itself: the schemas, and how to begin.

import { readdirSync, readFileSync } from 'node:fs'
import { BrokerError } from '../errors.ts'
import type { Routes } from './context.ts'

export function documentRoutes(routes: Routes): void {
  const schemas = readSchemas()

  routes.get('/schemas/:file', (ctx) => {
    const schema = schemas.get(ctx.params['file'] as string)
    if (schema === undefined) {
      throw new BrokerError('NOT_FOUND', `There is no such schema; there are ${[...schemas.keys()].join(', ')}.`)
    }
    ctx.set('Content-Type', 'application/schema+json')
    ctx.body = schema
  })

  routes.get('/', (ctx) => {
    const host = /^[\w.:[\]-]+$/.test(ctx.host) ? ctx.host : 'localhost'
    ctx.set('Content-Type', 'text/plain; charset=utf-8')
    ctx.body = [
      `curl -X PUT http://${host}/v1/topics/hello`,
      `curl -N 'http://${host}/v1/events?topics=hello&from=start'`,
      `curl http://${host}/v1/topics/hello/events -H 'Content-Type: application/json' -d '{"greeting":"hello"}'`,
      '',
    ].join('\n')
  })
}

/** All are read at the start, so no path that a client sends ever meets the file system. */
function readSchemas(): ReadonlyMap<string, Buffer> {
  const folder = new URL('../../schemas/', import.meta.url)
  const files = readdirSync(folder).filter((file) => file.endsWith('.schema.json'))
  return new Map(files.sort().map((file) => [file, readFileSync(new URL(file, folder))]))
}
