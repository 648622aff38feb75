// The OpenAPI document as a judge of real requests and answers. It is stricter than the document: what is answered and
// not described is a complaint, since a client could come to rely on it.

import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

export interface Call {
  readonly method?: string
  /** With the query. */
  readonly path: string
  readonly headers?: { readonly [name: string]: string }
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly explode?: boolean
}
interface Content {
  readonly [type: string]: { readonly schema: object }
}
interface Response {
  readonly content?: Content
  readonly headers?: object
}
interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Content }
  readonly responses: { readonly [status: string]: Response }
}
export interface OpenApi {
  readonly info: { readonly version: string }
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
}

/** Headers that belong to HTTP, and are described nowhere. */
const OF_HTTP = /^(content-type|accept|if-none-match|connection|upgrade|sec-websocket-(key|version))$/

export class Contract {
  /** Method and path of each operation. */
  readonly operations: ReadonlyMap<string, Operation>
  /** Operation and status. */
  readonly seen: Set<string> = new Set()
  private readonly ajv: Ajv2020
  private readonly document: object

  constructor(document: OpenApi) {
    this.document = closed(document) as object
    const operations = Object.entries((this.document as OpenApi).paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
    )
    this.operations = new Map(operations)
    // Parameters are texts.
    this.ajv = new Ajv2020({ strict: false, coerceTypes: true })
    formats.default(this.ajv)
    this.ajv.addSchema(this.document, 'openapi')
  }

  get described(): string[] {
    const statuses = ({ operationId, responses }: Operation): string[] =>
      Object.keys(responses).map((status) => `${operationId} ${status}`)
    return [...this.operations.values()].flatMap(statuses)
  }

  /** What is asked for is described, and so is the answer. */
  judge(call: Call, answer: Answer): void {
    const name = `${call.method ?? 'GET'} ${call.path}: ${answer.status}`
    const { pointer, operation, values } = this.find(call)
    if (answer.status < 300) this.judgeCall(call, pointer, operation, values, name)
    const status = String(answer.status) in operation.responses ? String(answer.status) : 'default'
    this.seen.add(`${operation.operationId} ${status}`)
    const [at, response] = this.resolved<Response>(`${pointer}/responses/${status}`)
    for (const header of Object.keys(response.headers ?? {})) {
      const [schema, { required }] = this.resolved<{ required?: boolean }>(`${at}/headers/${header}`)
      const value = answer.headers[header.toLowerCase()]
      if (value !== undefined) this.valid(`${schema}/schema`, value, `${name}: ${header}`)
      else assert(required !== true, `${name}: the header ${header} is missing`)
    }
    const type = answer.headers['content-type']?.split(';')[0]
    if (response.content === undefined) return assert.equal(answer.text, '', name)
    assert(type !== undefined && type in response.content, `${name}: ${type} is not described`)
    const value: unknown = /json$/.test(type) ? JSON.parse(answer.text) : answer.text
    this.valid(`${at}/content/${escaped(type)}/schema`, value, name)
  }

  private judgeCall(
    { headers = {}, body }: Call,
    pointer: string,
    { parameters = [], requestBody }: Operation,
    values: Map<string, string>,
    name: string,
  ): void {
    const declared = new Set<string>()
    for (const i of parameters.keys()) {
      const [at, parameter] = this.resolved<Parameter>(`${pointer}/parameters/${i}`)
      const key = `${parameter.in} ${parameter.name.toLowerCase()}`
      declared.add(key)
      const value = values.get(key)
      if (value === undefined) assert(parameter.required !== true, `${name}: ${key} is missing`)
      else this.valid(`${at}/schema`, parameter.explode === false ? value.split(',') : value, `${name}: ${key}`)
    }
    for (const key of values.keys()) assert(declared.has(key), `${name}: ${key} is not described`)
    if (body === undefined) return assert(requestBody?.required !== true, `${name}: the body is missing`)
    const type = headers['content-type'] ?? ''
    assert(requestBody && type in requestBody.content, `${name}: a body of type ${type} is not described`)
    const value: unknown = /json$/.test(type) && !/ndjson$/.test(type) ? JSON.parse(body) : body
    this.valid(`${pointer}/requestBody/content/${escaped(type)}/schema`, value, `${name}: the body`)
  }

  private find({ method = 'GET', path, headers = {} }: Call): {
    pointer: string
    operation: Operation
    values: Map<string, string>
  } {
    const url = new URL(path, 'http://replica')
    for (const [name, operation] of this.operations) {
      const [offered, template = ''] = name.split(' ')
      const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, one]) => one as string)
      const match = new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '([^/]+)')}$`).exec(
        url.pathname,
      )
      if (offered !== method || match === null) continue
      const values = new Map(names.map((one, i) => [`path ${one}`, decodeURIComponent(match[i + 1] as string)]))
      for (const [one, value] of url.searchParams) values.set(`query ${one.toLowerCase()}`, value)
      for (const [one, value] of Object.entries(headers)) if (!OF_HTTP.test(one)) values.set(`header ${one}`, value)
      return { pointer: `/paths/${escaped(template)}/${method.toLowerCase()}`, operation, values }
    }
    throw new Error(`${method} ${path} is not described`)
  }

  private resolved<T>(pointer: string): [string, T] {
    let value: unknown = this.document
    for (const token of pointer.slice(1).split('/')) {
      value = (value as { [key: string]: unknown })[token.replaceAll('~1', '/').replaceAll('~0', '~')]
    }
    const { $ref } = value as { $ref?: string }
    return $ref === undefined ? [pointer, value as T] : this.resolved<T>($ref.slice(1))
  }

  private valid(pointer: string, value: unknown, name: string): void {
    const validate = this.ajv.getSchema(`openapi#${pointer.split('/').map(encodeURIComponent).join('/')}`)
    assert(validate, `${name}: there is no schema at ${pointer}`)
    assert(validate(structuredClone(value)), `${name}: ${said(validate)} in ${JSON.stringify(value)}`)
  }
}

/** Each object that has properties has no others than those that are described. */
export function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([key, member]) => [key, closed(member)])
  const schema = typeof (value as { properties?: unknown }).properties === 'object' && 'type' in value
  return Object.fromEntries(schema ? [['additionalProperties', false], ...members] : members)
}

export function said(validate: ValidateFunction): string {
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`).join(', ')
}

/** A whole answer, or as much as an upgrade brings; of a stream that goes on, its head. */
export async function call(url: string, { method = 'GET', path, headers = {}, body }: Call): Promise<Answer> {
  const outgoing = httpRequest(`${url}${path}`, { method, headers, agent: false }).end(body)
  return await new Promise((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('upgrade', (response, socket: Duplex) => {
      socket.destroy()
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: '' })
    })
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      )
    })
  })
}

function escaped(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1')
}
