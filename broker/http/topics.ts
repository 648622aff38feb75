// Topics: their settings and their schemas.

import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { BrokerError } from '../errors.ts'
import { type Bodies, mediaType } from './body.ts'
import { answer, type Context, type Routes } from './context.ts'
import { malformed, parseJson } from './json.ts'
import { checkOwnTopicName, checkTopicName } from './names.ts'
import type { Compatibility, Operations, Retention, SchemaDocument } from './operations.ts'
import { readParameters } from './parameters.ts'
import { faultsOf } from './schema-registry.ts'

interface TopicSettings {
  readonly schema?: SchemaDocument
  readonly retention?: Partial<Retention>
  readonly compatibility?: Compatibility
}

/** The other settings take little room next to the schema. */
const OTHER_SETTINGS_BYTES_MAX = 4096
/** One more than a schema document may have, so that it is the document's own limit that is met. */
const SETTINGS_DEPTH_MAX = 102
const LISTED_MAX = 10_000

export function topicRoutes(routes: Routes, operations: Operations, bodies: Bodies): void {
  const isSettings = compileSettings()

  routes.get('/v1/topics', (ctx) => {
    const { limit, after } = readParameters(ctx, ['limit', 'after'])
    if (limit !== undefined && !(/^[1-9]\d{0,6}$/.test(limit) && Number(limit) <= LISTED_MAX)) {
      throw malformed('limit', `must be a whole number from 1 to ${LISTED_MAX}`)
    }
    const most = limit === undefined ? LISTED_MAX : Number(limit)
    const sorted = operations.listTopics().toSorted((a, b) => (a.topic < b.topic ? -1 : 1))
    const rest = after === undefined ? sorted : sorted.filter(({ topic }) => topic > after)
    const topics = rest.slice(0, most)
    // `next` is what to give as `after` for the rest of them.
    answer(ctx, 200, { topics, ...(rest.length > most && { next: topics.at(-1)?.topic }) })
  })

  routes.put('/v1/topics/:topic', async (ctx) => {
    const topic = checkOwnTopicName(ctx.params['topic'] as string, operations.limits.topicNameBytesMax)
    const bytesMax = operations.limits.schemaBytesMax + OTHER_SETTINGS_BYTES_MAX
    const settings = await readSettings(ctx, bodies, bytesMax, isSettings)
    const { created, description } = await operations.putTopic(topic, settings)
    if (created) ctx.set('Location', `/v1/topics/${topic}`)
    answer(ctx, created ? 201 : 200, description)
  })

  routes.get('/v1/topics/:topic', (ctx) => {
    answer(ctx, 200, operations.describeTopic(nameOf(ctx, operations.limits.topicNameBytesMax)))
  })

  routes.delete('/v1/topics/:topic', async (ctx) => {
    await operations.deleteTopic(checkOwnTopicName(ctx.params['topic'] as string, operations.limits.topicNameBytesMax))
    ctx.status = 204
  })

  routes.get('/v1/topics/:topic/schemas/:version', (ctx) => {
    const topic = nameOf(ctx, operations.limits.topicNameBytesMax)
    const version = ctx.params['version'] as string
    if (version !== 'latest' && !/^[1-9]\d{0,14}$/.test(version)) {
      throw malformed('version', 'must be latest or the number of a version, from 1')
    }
    const found = operations.schema(topic, version === 'latest' ? version : Number(version))
    answer(ctx, 200, { topic, version: found.version, schema: found.schema })
  })
}

function nameOf(ctx: Context, bytesMax: number): string {
  return checkTopicName(ctx.params['topic'] as string, bytesMax)
}

async function readSettings(
  ctx: Context,
  bodies: Bodies,
  bytesMax: number,
  isSettings: ValidateFunction,
): Promise<TopicSettings> {
  const type = mediaType(ctx)
  const body = await bodies.read(ctx, bytesMax)
  if (body.length === 0) return {} // A topic that takes any JSON, kept by the default retention.
  if (type !== 'application/json') {
    throw new BrokerError(
      'UNSUPPORTED_MEDIA',
      "The settings of a topic must be application/json. With curl: -H 'Content-Type: application/json'.",
    )
  }
  const span = { start: 0, end: body.length }
  const { value } = parseJson(body, span, { what: 'the body', path: '', depthMax: SETTINGS_DEPTH_MAX })
  if (isSettings(value)) return value as TopicSettings
  const errors = faultsOf(isSettings.errors)
  throw new BrokerError('MALFORMED', `Not the settings of a topic: ${errors[0]?.path} ${errors[0]?.message}.`, {
    errors,
  })
}

function compileSettings(): ValidateFunction {
  const file = new URL('../../schemas/topic-settings.schema.json', import.meta.url)
  return new Ajv2020({ strict: true, allowUnionTypes: true, ownProperties: true }).compile(
    JSON.parse(readFileSync(file, 'utf8')),
  )
}
