// Judges, while somebody plays with the group, whether it keeps what it promises (G1 to G9 of its protocol), by what
// clients are shown and told and by nothing else. Each replica has a reader, who shows events and views in the order in
// which they came; whichever is first at a place says what is there, and everybody else must show the same. Pure.

export type Item =
  | {
      readonly kind: 'event'
      readonly seq: number
      readonly offset: number
      /** Who published it; its numbers go up by one. */
      readonly by: string
      readonly n: number
    }
  | { readonly kind: 'view'; readonly seq: number; readonly number: number; readonly members: readonly string[] }

/** A publisher was told that its event is safe; no place is given for a retry whose first place is forgotten. */
export interface Acknowledgement {
  readonly by: string
  readonly n: number
  readonly seq: number | null
  readonly offset: number | null
}

export type CheckId = 'views' | 'order' | 'uniform' | 'once' | 'acknowledged' | 'gapless' | 'state' | 'primary'

export interface Check {
  readonly id: CheckId
  /** In the protocol's own numbers. */
  readonly guarantees: string
  readonly promise: string
  /** How many events, views, answers or states were found to be right. */
  readonly checked: number
  /** What was wrong first; undefined: nothing. */
  readonly broken: string | undefined
}

export interface ReaderState {
  readonly name: string
  /** Events and views that it has shown. */
  readonly shown: number
  /** A digest of its order up to some place: where two readers have the same place, they must have the same digest. */
  readonly digestAt: number
  readonly digest: string
}

const PROMISES: { readonly [id in CheckId]: readonly [guarantees: string, promise: string] } = {
  views: ['G1 G2', 'All see the same views, with the same events between them.'],
  order: ['G3', 'Every replica shows the same event at every place of the order.'],
  uniform: ['G4', 'Safe: what one has shown, all members show, also what a replica showed before it was killed.'],
  once: ['G5', 'No event comes twice, and each publisher’s events come in its order.'],
  acknowledged: ['G6', 'What was acknowledged is there, at the place that its publisher was told.'],
  gapless: ['G7', 'No event is missing: offsets and numbers have no holes, over any break.'],
  state: ['G8', 'At equal places replicas are in equal states.'],
  primary: ['G9', 'Of two sides of a cut only one goes on: no place is given twice.'],
}

/** Places that are remembered, for readers that are behind. The digest of who comes later covers what was forgotten. */
const PLACES_MAX = 20_000
const STATES_MAX = 1000
const PUBLISHERS_MAX = 1000
/** Answers that wait for a reader to come to their places. */
const UNSETTLED_MAX = 10_000
/** How often a digest is shown: seldom enough for all readers to be seen at the same place. */
const DIGEST_EVERY = 10

interface Place {
  readonly item: Item
  readonly text: string
  /** Of all up to here. */
  readonly digest: number
  /** Who came here first. */
  readonly first: Reader
}

interface Reader {
  readonly name: string
  shown: number
  digest: number
  digestAt: number
  digestShown: number
  offset: number | undefined
  gone: boolean
  readonly numbers: Map<string, number>
}

export class Checks {
  /** Whether the fabric is cut: then the answers are counted that only one side may give. */
  cut = false
  private readonly readers: ReadonlyMap<string, Reader>
  private readonly checked: { [id in CheckId]: number }
  private readonly broken: { [id in CheckId]?: string } = {}
  /** By how many came before. */
  private readonly places = new Map<number, Place>()
  private readonly bySeq = new Map<number, Place>()
  /** The last place that anybody has shown. */
  private seq = 0
  private count = 0
  private readonly numbers = new Map<string, number>()
  private readonly told = new Map<number, Acknowledgement>()
  private readonly unsettled = new Set<Acknowledgement>()
  private readonly states = new Map<number, { readonly digest: string; readonly by: string }>()

  constructor(readers: readonly string[]) {
    this.checked = { views: 0, order: 0, uniform: 0, once: 0, acknowledged: 0, gapless: 0, state: 0, primary: 0 }
    this.readers = new Map(readers.map((name) => [name, newReader(name)]))
  }

  /** A reader shows the next item. */
  shown(name: string, item: Item): void {
    const reader = this.reader(name)
    const text = textOf(item)
    const at = reader.shown++
    reader.digest = digestOf(reader.digest, text)
    if (reader.shown % DIGEST_EVERY === 0) {
      reader.digestAt = reader.shown
      reader.digestShown = reader.digest
    }
    if (at === this.count) this.add(reader, item, text)
    else this.compare(reader, at, item, text)
    if (item.kind === 'event') this.follow(reader, item)
    const living = [...this.readers.values()].filter(({ gone }) => !gone)
    this.checked.uniform = Math.max(this.checked.uniform, Math.min(...living.map((one) => one.shown)))
  }

  /** A publisher was answered. */
  acknowledged(acknowledgement: Acknowledgement): void {
    const { seq } = acknowledgement
    if (seq !== null) {
      const other = this.told.get(seq)
      if (other !== undefined && !isSame(other, acknowledgement)) {
        this.break('primary', `${nameOf(other)} and ${nameOf(acknowledgement)} were both told the place ${seq}`)
      } else if (this.cut) this.checked.primary++
      remember(this.told, seq, acknowledgement, PLACES_MAX)
    }
    this.unsettled.add(acknowledgement)
    if (this.unsettled.size > UNSETTLED_MAX) this.unsettled.delete([...this.unsettled][0] as Acknowledgement)
    this.settle(acknowledgement)
  }

  /** A replica says that it is in this state. */
  inState(name: string, seq: number, digest: string): void {
    const other = this.states.get(seq)
    if (other === undefined) remember(this.states, seq, { digest, by: name }, STATES_MAX)
    else if (other.digest !== digest) {
      this.break('state', `at ${seq} ${name} has the state ${digest}, and ${other.by} ${other.digest}`)
    } else if (other.by !== name) this.checked.state++
  }

  /** It was killed: what it has shown must be shown by the others. */
  killed(name: string): void {
    this.reader(name).gone = true
  }

  restarted(name: string): void {
    this.reader(name).gone = false
  }

  results(): readonly Check[] {
    return (Object.keys(PROMISES) as CheckId[]).map((id) => {
      const [guarantees, promise] = PROMISES[id]
      return { id, guarantees, promise, checked: this.checked[id], broken: this.broken[id] }
    })
  }

  digests(): readonly ReaderState[] {
    return [...this.readers.values()].map(({ name, shown, digestAt, digestShown }) => {
      const digest = digestAt === 0 ? '' : digestShown.toString(16).padStart(8, '0')
      return { name, shown, digestAt, digest }
    })
  }

  /** Answers whose events nobody has shown yet. */
  get waiting(): number {
    return this.unsettled.size
  }

  // ---- places

  private add(reader: Reader, item: Item, text: string): void {
    const place: Place = { item, text, digest: reader.digest, first: reader }
    remember(this.places, this.count++, place, PLACES_MAX)
    if (item.seq <= this.seq) this.break('order', `${reader.name} shows ${text} after the place ${this.seq}`)
    this.seq = Math.max(this.seq, item.seq)
    remember(this.bySeq, item.seq, place, PLACES_MAX)
    if (item.kind === 'event') remember(this.numbers, item.by, item.n, PUBLISHERS_MAX)
    for (const acknowledgement of this.unsettled) this.settle(acknowledgement)
  }

  private compare(reader: Reader, at: number, item: Item, text: string): void {
    const place = this.places.get(at)
    if (place === undefined) return // Forgotten: the next place that is not tells whether all was right.
    if (place.digest === reader.digest) {
      this.checked[item.kind === 'view' ? 'views' : 'order']++
      return
    }
    const { first } = place
    const where = first.gone ? `${first.name}, since killed, showed` : `${first.name} showed`
    const why = `${reader.name} shows ${text} where ${where} ${place.text}`
    if (item.kind === 'view' || place.item.kind === 'view') this.break('views', why)
    else if (first.gone) this.break('uniform', why)
    else this.break('order', why)
  }

  private follow(reader: Reader, { by, n, offset }: Extract<Item, { kind: 'event' }>): void {
    const { name } = reader
    const before = reader.numbers.get(by)
    let whole = true
    if (reader.offset !== undefined && offset !== reader.offset + 1) {
      whole = false
      this.break('gapless', `at ${name} the offset ${offset} follows ${reader.offset}`)
    }
    if (before !== undefined && n > before + 1) {
      whole = false
      this.break('gapless', `at ${name} event ${n} of ${by} follows ${before}`)
    }
    if (before !== undefined && n <= before) {
      this.break('once', `at ${name} event ${n} of ${by} comes after ${before}`)
    } else this.checked.once++
    if (whole) this.checked.gapless++
    reader.offset = offset
    remember(reader.numbers, by, n, PUBLISHERS_MAX)
  }

  // ---- answers

  private settle(acknowledgement: Acknowledgement): void {
    const { by, n, seq, offset } = acknowledgement
    if (seq === null) {
      if ((this.numbers.get(by) ?? 0) < n) return
      this.checked.acknowledged++
    } else if (this.seq < seq) return
    else {
      const found = this.bySeq.get(seq)
      const [oldest = 0] = this.bySeq.keys()
      if (found === undefined && seq < oldest) {
        this.unsettled.delete(acknowledgement) // It is too long ago to tell.
        return
      }
      const { item } = found ?? {}
      if (item?.kind === 'event' && item.by === by && item.n === n && item.offset === offset) {
        this.checked.acknowledged++
      } else {
        const what = found === undefined ? 'there is nothing' : `there is ${found.text}`
        this.break('acknowledged', `${nameOf(acknowledgement)} was to be at ${seq}, offset ${offset}; ${what}`)
      }
    }
    this.unsettled.delete(acknowledgement)
  }

  private break(id: CheckId, why: string): void {
    this.broken[id] ??= why
  }

  private reader(name: string): Reader {
    const reader = this.readers.get(name)
    if (reader === undefined) throw new Error(`nobody reads at ${name}`)
    return reader
  }
}

function newReader(name: string): Reader {
  return {
    name,
    shown: 0,
    digest: 0,
    digestAt: 0,
    digestShown: 0,
    offset: undefined,
    gone: false,
    numbers: new Map(),
  }
}

function textOf(item: Item): string {
  if (item.kind === 'view') return `view ${item.number} of ${item.members.join(' ')} at ${item.seq}`
  return `event ${item.n} of ${item.by} at ${item.seq}, offset ${item.offset}`
}

function nameOf({ by, n }: Acknowledgement): string {
  return `event ${n} of ${by}`
}

function isSame(one: Acknowledgement, other: Acknowledgement): boolean {
  return one.by === other.by && one.n === other.n
}

/** FNV-1a over the digest before and the text. */
function digestOf(before: number, text: string): number {
  let hash = (before ^ 0x811c9dc5) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  return hash
}

/** The oldest goes when there are too many. */
function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return
  const [oldest] = map.keys()
  map.delete(oldest as Key)
}
