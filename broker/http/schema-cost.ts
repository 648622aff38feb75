// Which events can be validated without a watchdog, and which schemas compiled, because it can be seen beforehand that it
// takes little. The watchdog costs some fifth of a millisecond, which is many times what a small event takes, and on a
// machine that is busy enough it stops what is in order; without it a hostile schema stops the replica. So whatever is
// not seen to be cheap is not.
//
// A schema has a weight: how many steps it takes, at most, for each value, character and name in an event. Without
// references each subschema meets each value at most once, and then takes about as many steps as it has values of its
// own (names in `required`, entries of `enum`). So the number of values in the document is its weight, and to it is added
// what some keywords take that is not in proportion to them. With references from outside the definitions to definitions
// that have none, a subschema can meet a value once more for each of them, and the weight is so many times as much.
// Where that can't be said (other references, unevaluated properties, patterns with groups) the weight is infinite.

/** Formats that are checked in time proportional to the text; `url` and `regex` for instance are not. */
export const CHEAP_FORMATS: ReadonlySet<unknown> = new Set([
  'date',
  'time',
  'date-time',
  'iso-time',
  'iso-date-time',
  'duration',
  'uri',
  'uri-reference',
  'uri-template',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
  'json-pointer',
  'json-pointer-uri-fragment',
  'relative-json-pointer',
  'byte',
  'int32',
  'int64',
  'float',
  'double',
  'password',
  'binary',
])

/** The steps of the slowest of these formats for each character. */
export const FORMAT_STEPS = 10

/**
 * Steps without a watchdog, at most. The slowest kind (alternatives that fail, each with an error) takes some 50 ms then,
 * an ordinary one 1 ms; it is enough for 4 kB and a schema of 20 properties.
 */
const CHEAP_STEPS_MAX = 400_000
/**
 * A schema of this weight has so many values at most: a third of a millisecond to compile for each that is a subschema,
 * and half a million comparisons for its draft, which may compare each with each other. Names count by the bytes: each
 * is in the code of all that is below it, several times.
 */
const CHEAP_WEIGHT_MAX = 1000
const CHEAP_SCHEMA_BYTES_MAX = 16 * 1024
/** Values nested deeper are not measured. */
const CHEAP_DEPTH_MAX = 100
/** No JSON text this short is nested deeper: each level takes two bytes. */
const FLAT_BYTES_MAX = 2 * CHEAP_DEPTH_MAX

interface Measured {
  readonly value: unknown
  readonly dataBytes?: number
}

/** To compile, and to try out with values that have nothing in them. */
export function isCheapToCompile(weight: number, textBytes: number, innerIds: number): boolean {
  return weight <= CHEAP_WEIGHT_MAX && textBytes <= CHEAP_SCHEMA_BYTES_MAX && innerIds === 0
}

/** The first of these values, from one on, that cannot be validated as well in so few steps by a schema of this weight. */
export function cheapTo(weight: number, values: readonly Measured[], from: number): number {
  let room = CHEAP_STEPS_MAX / weight
  for (let i = from; i < values.length; i++) {
    const { value, dataBytes = Number.POSITIVE_INFINITY } = values[i] as Measured
    // No value has more steps than its text has bytes: that of a text has quotes, and each name a colon as well.
    room = dataBytes <= room && dataBytes <= FLAT_BYTES_MAX ? room - dataBytes : roomLeft(value, room, 0)
    if (room < 0) return i
  }
  return values.length
}

/** Less than 0: there was too little, and the rest was not looked at. */
function roomLeft(value: unknown, room: number, depth: number): number {
  if (typeof value === 'string') return room - 1 - value.length
  if (typeof value !== 'object' || value === null) return room - 1
  if (depth === CHEAP_DEPTH_MAX) return -1
  let left = room - 1
  if (Array.isArray(value)) {
    for (const item of value) {
      left = roomLeft(item, left, depth + 1)
      if (left < 0) return left
    }
    return left
  }
  for (const name in value) {
    left = roomLeft((value as { readonly [name: string]: unknown })[name], left - 1 - name.length, depth + 1)
    if (left < 0) return left
  }
  return left
}
