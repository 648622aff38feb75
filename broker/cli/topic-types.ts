// A TypeScript module with the types of topics' events, from their schemas. The same schemas give the same text: topics
// stand in the order of their names, and a type is named after its topic, with a number where two would be called alike.

import { isAny, type PlainSchema, plainSchema, SchemaError } from './plain-schema.ts'

export interface SchemaOfTopic {
  readonly topic: string
  /** Undefined: the topic is untyped. */
  readonly schema: unknown
}

export interface TypesModule {
  readonly text: string
  /** Topics of which no type can be made; they are `unknown`. */
  readonly faults: readonly { readonly topic: string; readonly why: string }[]
}

const HEAD = `/* eslint-disable */
// Types of the topics of a Lockstep group, made by \`lockstep codegen\` from their JSON Schemas: to change a type, change
// the topic's schema, and make this file anew.
`

/** Names that the module itself has. */
const OWN_NAMES = ['Topics', 'TopicName']
const NAME_CHARS_MAX = 100

export async function typesModule(topics: readonly SchemaOfTopic[]): Promise<TypesModule> {
  const sorted = topics.toSorted((a, b) => (a.topic < b.topic ? -1 : 1))
  const names = new Names()
  // First of all, so that the names of topics do not depend on what is in their schemas.
  const named = sorted.map(({ topic, schema }) => ({ topic, schema, name: names.take(topic) }))
  const faults: { topic: string; why: string }[] = []
  const members: string[] = []
  const declarations: string[] = []
  for (const { topic, schema, name } of named) {
    let type = 'unknown'
    try {
      const { root, definitions } = plainSchema(schema ?? true, (hint) => names.take(`${name}.${hint}`))
      if (root === false) type = 'never'
      else if (!isAny(root)) {
        declarations.push(await declare(name, root, definitions))
        type = name
      }
    } catch (error) {
      const why = error instanceof SchemaError ? error.message : `the generator failed: ${(error as Error).message}`
      faults.push({ topic, why })
    }
    members.push(`  '${topic}': ${type}\n`)
  }
  const map =
    '/** What events of each topic have as data: `client.topic<Topics[name]>(name)`. */\n' +
    `export interface Topics {\n${members.join('')}}\n\nexport type TopicName = keyof Topics\n`
  return { text: [HEAD, map, ...declarations].join('\n'), faults }
}

async function declare(
  name: string,
  root: PlainSchema,
  definitions: { readonly [name: string]: PlainSchema },
): Promise<string> {
  // Loaded here, since it is large and no other command needs it. With this variable set it talks to stdout.
  delete process.env['VERBOSE']
  const { compile } = await import('json-schema-to-typescript')
  const schema = { ...(root as object), $defs: definitions } as Parameters<typeof compile>[0]
  const text = await compile(schema, name, {
    bannerComment: '',
    // There is no reference that leaves the document; and if there were, it would not be followed.
    $refOptions: { resolve: { external: false, file: false, http: false } },
    ignoreMinAndMaxItems: false,
    maxItems: -1,
    style: { semi: false, singleQuote: true, bracketSpacing: true, printWidth: 120 },
  })
  return text.trimStart()
}

class Names {
  private readonly taken = new Set(OWN_NAMES)

  take(text: string): string {
    const name = typeName(text)
    let free = name
    for (let number = 2; this.taken.has(free); number++) free = `${name}${number}`
    this.taken.add(free)
    return free
  }
}

/** `orders.new-ones`: OrdersNewOnes. The generator would change any other spelling. */
function typeName(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const joined = words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`).join('')
  const spelt = joined.slice(0, NAME_CHARS_MAX).replaceAll(/\d[a-z]/g, (found) => found.toUpperCase())
  return /^[A-Z]/.test(spelt) ? spelt : `Topic${spelt}`
}
