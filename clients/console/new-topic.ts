// Making a topic, with a schema or without.

import { type ComponentChild, h } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { Refusal } from './api.ts'
import { useConsole } from './context.ts'

const EXAMPLE = JSON.stringify(
  {
    type: 'object',
    properties: {
      item: { type: 'string', minLength: 1 },
      count: { type: 'integer', minimum: 1 },
      size: { enum: ['small', 'large'] },
    },
    required: ['item', 'count'],
  },
  undefined,
  2,
)

export function NewTopic({ onMade }: { onMade: (topic: string) => void }): ComponentChild {
  const { api, announcer } = useConsole()
  const [name, setName] = useState('')
  const [schema, setSchema] = useState(EXAMPLE)
  const [fault, setFault] = useState('')
  const dialog = useRef<HTMLDialogElement>(null)

  const make = async (event: Event): Promise<void> => {
    event.preventDefault()
    let settings: object
    try {
      settings = schema.trim() === '' ? {} : { schema: JSON.parse(schema) as unknown }
    } catch (error) {
      return setFault(`The schema is not JSON: ${(error as Error).message}`)
    }
    try {
      await api.putTopic(name, settings)
      dialog.current?.close()
      setFault('')
      setName('')
      announcer.say(`Topic ${name} is made.`)
      onMade(name)
    } catch (error) {
      const faults = error instanceof Refusal ? (error.problem.errors ?? []) : []
      setFault([(error as Error).message, ...faults.map(({ path, message }) => `${path} ${message}`)].join(' '))
    }
  }

  return h('div', null, [
    h('button', { type: 'button', class: 'quiet', onClick: () => dialog.current?.showModal() }, 'New topic'),
    h('dialog', { ref: dialog, class: 'dialog', 'aria-labelledby': 'new-topic-title' }, [
      h('form', { onSubmit: make, noValidate: true }, [
        h('h3', { id: 'new-topic-title' }, 'New topic'),
        h('label', { class: 'field' }, [
          h('span', { class: 'field-label' }, 'Name'),
          h('input', {
            type: 'text',
            autocomplete: 'off',
            placeholder: 'orders.new',
            value: name,
            onInput: (event: Event) => setName((event.currentTarget as HTMLInputElement).value),
          }),
        ]),
        h('label', { class: 'field' }, [
          h('span', { class: 'field-label' }, 'Its JSON Schema; empty: it takes any JSON'),
          h('textarea', {
            rows: 14,
            spellcheck: false,
            value: schema,
            onInput: (event: Event) => setSchema((event.currentTarget as HTMLTextAreaElement).value),
          }),
        ]),
        fault === '' ? null : h('p', { class: 'refused', role: 'alert' }, fault),
        h('div', { class: 'form-foot' }, [
          h('button', { type: 'submit' }, 'Make it'),
          h('button', { type: 'button', class: 'quiet', onClick: () => dialog.current?.close() }, 'Cancel'),
        ]),
      ]),
    ]),
  ])
}
