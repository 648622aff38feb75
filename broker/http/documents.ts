// What can be read about Lockstep at a replica itself: the schemas, and the contract by machine.

import { readdirSync, readFileSync } from 'node:fs'
import { BrokerError } from '../errors.ts'
import type { Routes } from './context.ts'
import { type Draft, selfContained } from './self-contained.ts'

const FOLDER = new URL('../../schemas/', import.meta.url)

export function documentRoutes(routes: Routes): void {
  const schemas = readSchemas()
  const openApi = readDocument('openapi.json', schemas, '2020-12')
  const asyncApi = readDocument('asyncapi.json', schemas, 'draft-07')

  routes.get('/openapi.json', (ctx) => {
    ctx.set('Content-Type', 'application/json')
    ctx.body = openApi
  })

  routes.get('/asyncapi.json', (ctx) => {
    ctx.set('Content-Type', 'application/json')
    ctx.body = asyncApi
  })

  routes.get('/schemas/:file', (ctx) => {
    const schema = schemas.get(ctx.params['file'] as string)
    if (schema === undefined) {
      throw new BrokerError('NOT_FOUND', `There is no such schema; there are ${[...schemas.keys()].join(', ')}.`)
    }
    ctx.set('Content-Type', 'application/schema+json')
    ctx.body = schema
  })
}

/** All are read at the start, so no path that a client sends ever meets the file system. */
function readSchemas(): ReadonlyMap<string, Buffer> {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.schema.json'))
  return new Map(files.sort().map((file) => [file, readFileSync(new URL(file, FOLDER))]))
}

function readDocument(file: string, schemas: ReadonlyMap<string, Buffer>, draft: Draft): string {
  const document = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'))
  const parsed = new Map([...schemas].map(([name, text]) => [name, JSON.parse(text.toString()) as unknown]))
  return `${JSON.stringify(selfContained(document, parsed, draft), undefined, 2)}\n`
}
