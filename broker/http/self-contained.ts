// The contract's documents as they are served: whole in themselves, so that generators and validators need nothing else.
// As they are kept they refer to the schemas by file, and each file that is referred to becomes a component.

import assert from 'node:assert'

/** `draft-07`: tuples are said as there, for AsyncAPI, whose tools understand no later one. */
export type Draft = '2020-12' | 'draft-07'

interface Document {
  readonly components: { readonly schemas?: { readonly [name: string]: unknown } }
}

/** `schemas` by the names of their files. */
export function selfContained(document: Document, schemas: ReadonlyMap<string, unknown>, draft: Draft): object {
  const taken = new Map<string, string>()
  const name = (file: string): string => {
    const known = taken.get(file)
    if (known !== undefined) return known
    assert(schemas.has(file), `a document refers to ${file}, which is no schema`)
    const component = componentName(file)
    assert(document.components.schemas?.[component] === undefined, `${component} is what ${file} would be called`)
    taken.set(file, component)
    return component
  }
  const body = rewritten(document, draft, (ref) => {
    const [, file, pointer = ''] = /^([\w-]+\.schema\.json)(?:#(.*))?$/.exec(ref) ?? []
    return file === undefined ? ref : `#/components/schemas/${name(file)}${pointer}`
  }) as Document
  const components: { [name: string]: unknown } = { ...body.components.schemas }
  for (const [file, component] of taken) {
    // Its name in the world is no use here, and would change where references within it lead.
    const { $id, $schema, ...schema } = schemas.get(file) as { readonly [keyword: string]: unknown }
    components[component] = rewritten(schema, draft, (ref) => {
      assert(ref.startsWith('#/'), `${file} refers to ${ref}: a schema must be whole in itself`)
      return `#/components/schemas/${component}${ref.slice(1)}`
    })
  }
  return { ...body, components: { ...body.components, schemas: components } }
}

/** `stream-request.schema.json`: StreamRequest. */
function componentName(file: string): string {
  const words = file.replace(/\.schema\.json$/, '').split('-')
  return words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`).join('')
}

function rewritten(value: unknown, draft: Draft, reference: (ref: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => rewritten(one, draft, reference))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, member]) => {
    const isReference = key === '$ref' && typeof member === 'string'
    return [key, isReference ? reference(member) : rewritten(member, draft, reference)]
  })
  const { prefixItems, items, ...others } = Object.fromEntries(entries)
  if (prefixItems === undefined || draft === '2020-12') return Object.fromEntries(entries)
  return { ...others, items: prefixItems, additionalItems: items }
}
