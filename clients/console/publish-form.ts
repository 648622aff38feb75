// Publishing an event: by a form made of the topic's schema, or as JSON. It is answered when the event is safe; what the group
// refuses is shown at the fields that are wrong.

import { type ComponentChild, h } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { LockstepError } from '../src/index.ts'
import { useConsole } from './context.ts'
import { FormField, idOf } from './form-field.ts'
import { JsonText } from './json-text.ts'
import { duration, whole } from './numbers-as-text.ts'
import { type Draft, draftOf, type Fault, fieldOf, placed } from './schema-field.ts'

type Answer =
  | { readonly kind: 'published'; readonly seq: number | null; readonly offset: number | null; readonly ms: number }
  | { readonly kind: 'refused'; readonly why: string; readonly faults: readonly Fault[] }

/** `schema`: undefined for an untyped topic. A form for another topic or schema is another one: give it a key. */
export function PublishForm({ topic, schema }: { topic: string; schema: unknown }): ComponentChild {
  const { session, announcer } = useConsole()
  const [field] = useState(() => fieldOf(schema ?? {}))
  const [value, setValue] = useState<Draft>(() => draftOf(field))
  const [broken, setBroken] = useState<ReadonlyMap<string, string>>(new Map())
  const [asJson, setAsJson] = useState(false)
  const [key, setKey] = useState('')
  const [answer, setAnswer] = useState<Answer | undefined>(undefined)
  const [shown, setShown] = useState<ReadonlySet<string>>(new Set())
  const [busy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)

  const onBroken = (path: string, why: string | undefined): void =>
    setBroken((before) => {
      if (before.get(path) === why) return before
      const after = new Map(before)
      if (why === undefined) after.delete(path)
      else after.set(path, why)
      return after
    })

  const refuse = (why: string, found: readonly Fault[]): void => {
    const fields = new Set(
      [...(form.current?.querySelectorAll<HTMLElement>('[data-path]') ?? [])].map((one) => one.dataset['path'] ?? ''),
    )
    setShown(fields)
    setAnswer({ kind: 'refused', why, faults: found })
    const [first] = placed(found, fields).keys()
    // When it is drawn: whoever hears the page is told what is wrong with the field that is focused.
    if (first !== undefined) requestAnimationFrame(() => document.getElementById(idOf(first))?.focus())
  }

  const toggleJson = (): void => {
    setAsJson(!asJson)
    setBroken(new Map())
    setAnswer(undefined)
  }

  const publish = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (broken.size > 0)
      return refuse(
        'Not published.',
        [...broken].map(([path, message]) => ({ path, message })),
      )
    setBusy(true)
    const began = performance.now()
    try {
      const { seq, offset } = await session.client.publish(topic, value ?? null, key === '' ? {} : { key })
      const ms = performance.now() - began
      setAnswer({ kind: 'published', seq, offset, ms })
      announcer.say(`Published at place ${seq}.`)
    } catch (error) {
      refuse((error as Error).message, error instanceof LockstepError ? error.errors : [])
    } finally {
      setBusy(false)
    }
  }

  const faults = answer?.kind === 'refused' ? placed(answer.faults, shown) : NO_FAULTS
  const typed = field.kind !== 'json'
  return h(
    'form',
    { ref: form, class: 'publish', noValidate: true, 'aria-label': `Publish to ${topic}`, onSubmit: publish },
    [
      h('div', { class: 'form-head' }, [
        h('h3', null, 'Publish an event'),
        typed
          ? h('label', null, [h('input', { type: 'checkbox', checked: asJson, onChange: toggleJson }), ' as JSON'])
          : null,
      ]),
      asJson || !typed
        ? h('div', { class: faults.size > 0 ? 'field field-wrong' : 'field' }, [
            h('label', { class: 'field-label', for: 'event' }, 'Data, any JSON'),
            h(JsonText, {
              about: {
                id: 'event',
                'data-path': '',
                'aria-invalid': faults.size > 0,
                'aria-describedby': faults.size > 0 ? 'event-wrong' : undefined,
              },
              value,
              onChange: setValue,
              onBroken: (why) => onBroken('', why),
            }),
            faults.size > 0
              ? h('p', { id: 'event-wrong', class: 'wrong' }, [...faults.values()].flat().join('; '))
              : null,
          ])
        : h(FormField, {
            field,
            label: field.title ?? topic,
            path: '',
            required: true,
            value,
            faults,
            onChange: setValue,
            onBroken,
          }),
      h('div', { class: 'form-foot' }, [
        h('button', { type: 'submit', disabled: busy }, busy ? 'Publishing…' : 'Publish'),
        h('label', { class: 'key' }, [
          'Key ',
          h('input', {
            type: 'text',
            autocomplete: 'off',
            value: key,
            placeholder: 'none',
            onInput: (event: Event) => setKey((event.currentTarget as HTMLInputElement).value),
          }),
        ]),
      ]),
      answer === undefined ? null : h(AnswerText, { answer }),
    ],
  )
}

const NO_FAULTS: ReadonlyMap<string, readonly string[]> = new Map()

function AnswerText({ answer }: { answer: Answer }): ComponentChild {
  if (answer.kind === 'refused') return h('p', { class: 'refused', role: 'alert' }, answer.why)
  const { seq, offset, ms } = answer
  const place = seq === null ? 'It was there before.' : `Safe at place ${whole(seq)}, offset ${whole(offset ?? 0)}`
  return h('p', { class: 'published', 'data-seq': seq }, `${place}, after ${duration(ms)}.`)
}
