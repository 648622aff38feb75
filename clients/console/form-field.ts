// One field of a form, and all below it. It does not judge: the group does, and what it complains of is shown here.

import { type ComponentChild, h } from 'preact'
import { useState } from 'preact/hooks'
import { JsonText } from './json-text.ts'
import { below, type Draft, draftOf, type Field, type Json, memberOf, withMember } from './schema-field.ts'

export interface FieldParts {
  readonly field: Field
  readonly label: string
  readonly path: string
  readonly required: boolean
  readonly value: Draft
  readonly faults: ReadonlyMap<string, readonly string[]>
  readonly onChange: (value: Draft) => void
  /** What is written as JSON and is none; undefined: it is. */
  readonly onBroken: (path: string, why: string | undefined) => void
}

export function FormField(parts: FieldParts): ComponentChild {
  switch (parts.field.kind) {
    case 'object':
      return h(ObjectField, { ...parts, field: parts.field })
    case 'list':
      return h(ListField, { ...parts, field: parts.field })
    case 'variants':
      return h(VariantsField, { ...parts, field: parts.field })
    case 'choice':
    case 'text':
    case 'number':
    case 'flag':
    case 'json':
      return h(SimpleField, parts)
    default:
      return parts.field satisfies never
  }
}

type Of<Kind extends Field['kind']> = FieldParts & { readonly field: Extract<Field, { kind: Kind }> }

function ObjectField({
  field,
  label,
  path,
  required,
  value,
  faults,
  onChange,
  onBroken,
}: Of<'object'>): ComponentChild {
  const given = value !== undefined
  return h(Group, { label, path, field, faults }, [
    required ? null : h(Given, { label, given, onGive: (give) => onChange(give ? (draftOf(field) ?? {}) : undefined) }),
    given || required
      ? field.members.map((member) =>
          h(FormField, {
            key: member.name,
            field: member.field,
            label: member.field.title ?? member.name,
            path: below(path, member.name),
            required: member.required,
            value: memberOf(value, member.name),
            faults,
            onChange: (next) => onChange(withMember(value, member.name, next)),
            onBroken,
          }),
        )
      : null,
  ])
}

function ListField({ field, label, path, required, value, faults, onChange, onBroken }: Of<'list'>): ComponentChild {
  const items: readonly Json[] = Array.isArray(value) ? value : []
  const replace = (next: readonly Json[]): void => onChange(next.length === 0 && !required ? undefined : next)
  return h(Group, { label, path, field, faults }, [
    ...items.map((item, i) =>
      h('div', { key: i, class: 'item' }, [
        h(FormField, {
          field: field.item,
          label: `${label} ${i + 1}`,
          path: below(path, i),
          required: true,
          value: item,
          faults,
          onChange: (next) => replace(items.with(i, next ?? null)),
          onBroken,
        }),
        h(
          'button',
          {
            type: 'button',
            class: 'quiet small',
            'aria-label': `Remove ${label} ${i + 1}`,
            onClick: () => replace(items.toSpliced(i, 1)),
          },
          'Remove',
        ),
      ]),
    ),
    h(
      'button',
      {
        type: 'button',
        class: 'quiet small',
        'aria-label': `Add to ${label}`,
        onClick: () => replace([...items, draftOf(field.item) ?? '']),
      },
      'Add',
    ),
  ])
}

function VariantsField(parts: Of<'variants'>): ComponentChild {
  const { field, label, path, required, faults, onChange } = parts
  const [chosen, setChosen] = useState(required ? 0 : -1)
  const choose = (index: number): void => {
    setChosen(index)
    onChange(index < 0 ? undefined : draftOf(field.variants[index] as Field))
  }
  const variant = field.variants[chosen]
  return h(Group, { label, path, field, faults }, [
    h('label', { class: 'field' }, [
      h('span', { class: 'field-label' }, 'What it is'),
      h('select', { value: chosen, onChange: (event: Event) => choose(Number(writtenIn(event))) }, [
        required ? null : h('option', { value: -1 }, '– left out –'),
        ...field.variants.map((one, i) => h('option', { key: i, value: i }, one.title)),
      ]),
    ]),
    variant === undefined
      ? null
      : h(FormField, { ...parts, key: chosen, field: variant, required: true, label: `${label}, ${variant.title}` }),
  ])
}

function SimpleField({ field, label, path, required, value, faults, onChange, onBroken }: FieldParts): ComponentChild {
  const id = idOf(path)
  const wrong = faults.get(path)
  const about = {
    id,
    'data-path': path,
    'aria-invalid': wrong !== undefined,
    'aria-describedby': wrong && `${id}-wrong`,
  }
  return h('div', { class: `field${wrong === undefined ? '' : ' field-wrong'}` }, [
    h('label', { class: 'field-label', for: id }, [
      label,
      required ? h('span', { class: 'needed' }, ' required') : null,
      field.description === undefined ? null : h('span', { class: 'hint' }, ` ${field.description}`),
    ]),
    control(field, value, required, about, onChange, (why) => onBroken(path, why)),
    h(Wrong, { path, faults }),
  ])
}

function control(
  field: Field,
  value: Draft,
  required: boolean,
  about: { readonly id: string },
  onChange: (value: Draft) => void,
  onBroken: (why: string | undefined) => void,
): ComponentChild {
  switch (field.kind) {
    case 'flag':
      return h(
        'select',
        {
          ...about,
          value: value === undefined ? '' : String(value),
          onChange: (e: Event) => onChange(flagOf(writtenIn(e))),
        },
        [
          required ? null : h('option', { value: '' }, '– left out –'),
          h('option', { value: 'true' }, 'true'),
          h('option', { value: 'false' }, 'false'),
        ],
      )
    case 'choice': {
      const index = field.values.findIndex((one) => JSON.stringify(one) === JSON.stringify(value))
      return h(
        'select',
        { ...about, value: index, onChange: (e: Event) => onChange(field.values[Number(writtenIn(e))]) },
        [
          required && index !== -1 ? null : h('option', { value: -1 }, required ? '– choose –' : '– left out –'),
          ...field.values.map((one, i) =>
            h('option', { key: i, value: i }, typeof one === 'string' ? one : JSON.stringify(one)),
          ),
        ],
      )
    }
    case 'number':
      return h('input', {
        ...about,
        type: 'text',
        inputMode: field.integer ? 'numeric' : 'decimal',
        autocomplete: 'off',
        placeholder: field.example,
        value: value === undefined ? '' : String(value),
        onInput: (event: Event) => onChange(numberOf(writtenIn(event))),
      })
    case 'text':
      return h('input', {
        ...about,
        type: 'text',
        autocomplete: 'off',
        placeholder: field.example ?? EXAMPLES[field.format ?? ''],
        value: value === undefined ? '' : String(value),
        onInput: (event: Event) => onChange(writtenIn(event) === '' && !required ? undefined : writtenIn(event)),
      })
    default:
      return h(JsonText, { about, value, onChange, onBroken })
  }
}

const EXAMPLES: { readonly [format: string]: string | undefined } = {
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  email: 'name@example.org',
  uri: 'https://example.org/',
  uuid: '123e4567-e89b-12d3-a456-426614174000',
}

/** What is no number stays text, and the group says what is wrong with that. */
function numberOf(text: string): Draft {
  if (text.trim() === '') return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : text
}

const flagOf = (text: string): Draft => (text === '' ? undefined : text === 'true')

const writtenIn = (event: Event): string => (event.currentTarget as HTMLInputElement).value

function Group({
  label,
  path,
  field,
  faults,
  children,
}: Pick<FieldParts, 'label' | 'path' | 'field' | 'faults'> & { readonly children?: unknown }): ComponentChild {
  return h('fieldset', { id: idOf(path), 'data-path': path, tabIndex: -1 }, [
    h('legend', null, [
      label,
      field.description === undefined ? null : h('span', { class: 'hint' }, ` ${field.description}`),
    ]),
    h(Wrong, { path, faults }),
    children as ComponentChild,
  ])
}

function Given({
  label,
  given,
  onGive,
}: {
  label: string
  given: boolean
  onGive: (give: boolean) => void
}): ComponentChild {
  const give = (event: Event): void => onGive((event.currentTarget as HTMLInputElement).checked)
  return h('label', { class: 'given' }, [
    h('input', { type: 'checkbox', checked: given, onChange: give }),
    ` with ${label}`,
  ])
}

function Wrong({ path, faults }: Pick<FieldParts, 'path' | 'faults'>): ComponentChild {
  const wrong = faults.get(path)
  if (wrong === undefined) return null
  return h('p', { id: `${idOf(path)}-wrong`, class: 'wrong' }, wrong.join('; '))
}

export function idOf(path: string): string {
  return `event${path.replaceAll(/[^\w-]/g, (character) => `_${character.codePointAt(0)}_`)}`
}
