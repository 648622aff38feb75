// Playing with the group: what has been done to it, what it led to, and whether it keeps its promises meanwhile.

import type { Announcer } from '../announcer.ts'
import { withNewest } from '../bounded.ts'
import type { Session } from '../session.ts'
import { Store } from '../store.ts'
import type { Check, ReaderState } from './checks.ts'
import { awaited, tell, type View } from './consequence.ts'
import { Load } from './load.ts'
import { type Act, findPlay, type PlayState, perform, readPlay, runningOf } from './play-api.ts'

export interface Told {
  readonly id: number
  readonly at: Date
  readonly text: string
}

export interface Playing {
  /** Undefined: this group is not one to play with, or it is not known yet. */
  readonly state: PlayState | undefined
  readonly busy: boolean
  readonly refused: string | undefined
  /** The newest last. */
  readonly told: readonly Told[]
  /** Whether events are published and judged. */
  readonly loaded: boolean
  readonly checks: readonly Check[]
  readonly readers: readonly ReaderState[]
}

const TOLD_MAX = 50
/** By then a view has changed, or does not. */
const CONSEQUENCE_MS = 20_000
/** So that what is counted can be read. */
const SHOW_EVERY_MS = 250
/** Others may play, too. */
const READ_EVERY_MS = 2000

export class Play {
  readonly playing: Store<Playing> = new Store<Playing>({
    state: undefined,
    busy: false,
    refused: undefined,
    told: [],
    loaded: false,
    checks: [],
    readers: [],
  })
  private readonly session: Session
  private readonly announcer: Announcer
  private path = ''
  private acting: Promise<void> = Promise.resolve()
  private waiting = 0
  private load: Load | undefined
  private lastId = 0
  private showing: ReturnType<typeof setTimeout> | undefined

  constructor(session: Session, announcer: Announcer) {
    this.session = session
    this.announcer = announcer
    void this.find()
  }

  /** One after another. */
  act(act: Act): void {
    this.inTurn(async (state) => {
      const before = this.view()
      const from = performance.now()
      const after = await perform(this.path, state, act)
      this.learn(after)
      void this.follow(act, after, before, from)
    })
  }

  startLoad(): void {
    this.inTurn(async (state) => {
      const [running] = runningOf(state)
      if (running === undefined || this.load !== undefined) return
      this.load = await Load.begin(running.url, {
        replicas: () => this.playing.get().state?.replicas ?? [],
        changed: () => this.showSoon(),
        over: (why: string) => this.beginLoadAnew(why),
      })
      this.load.checks.cut = state.cut.length > 0
      this.update({ loaded: true })
    })
  }

  stopLoad(): void {
    this.load?.close()
    this.load = undefined
    this.update({ loaded: false })
  }

  private beginLoadAnew(why: string): void {
    if (this.load === undefined) return
    this.stopLoad()
    this.say(`What is judged begins anew: ${why}`)
    this.startLoad()
  }

  private inTurn(call: (state: PlayState) => Promise<void>): void {
    this.waiting++
    this.update({ busy: true, refused: undefined })
    this.acting = this.acting.then(async () => {
      const { state } = this.playing.get()
      try {
        if (state !== undefined) await call(state)
      } catch (error) {
        this.update({ refused: (error as Error).message })
      }
      this.update({ busy: --this.waiting > 0 })
    })
  }

  private async find(): Promise<void> {
    try {
      const path = await findPlay(location.origin)
      if (path === undefined) return
      this.path = path
      this.learn(await readPlay(path, [location.origin]))
      setInterval(() => void this.read(), READ_EVERY_MS)
    } catch {
      // Its replica has gone already. A page that is opened at another one finds it.
    }
  }

  private async read(): Promise<void> {
    const { state, busy } = this.playing.get()
    if (document.hidden || busy || state === undefined) return
    try {
      const now = await readPlay(
        this.path,
        runningOf(state).map(({ url }) => url),
      )
      // An act of this page may have come in between, and is newer.
      if (this.playing.get().state === state) this.learn(now)
    } catch {
      // None of those answers that ran when it was last known; the next time they may.
    }
  }

  private learn(state: PlayState): void {
    const before = this.playing.get().state
    const checks = this.load?.checks
    if (checks !== undefined) {
      checks.cut = state.cut.length > 0
      for (const { name, condition } of state.replicas) {
        const former = before?.replicas.find((one) => one.name === name)?.condition
        if (condition === former) continue
        if (condition === 'killed') checks.killed(name)
        else checks.restarted(name)
      }
    }
    this.update({ state })
  }

  private view(): View {
    const { number, members } = this.session.group.get().view
    return { number, members: members.map(({ name }) => name) }
  }

  /** Waits for the view that it leads to, and tells of it. */
  private async follow(act: Act, state: PlayState, before: View, from: number): Promise<void> {
    const isAwaited = awaited(act, state, before)
    const history = act.act === 'anew' ? this.session.group.get().history : undefined
    let view: View | undefined = before
    if (isAwaited !== undefined) {
      view = await new Promise<View | undefined>((resolve) => {
        const done = (found: View | undefined): void => {
          stop()
          clearTimeout(timer)
          resolve(found)
        }
        const look = (): void => {
          if (isAwaited(this.view()) && this.session.group.get().history !== history) done(this.view())
        }
        const stop = this.session.group.listen(look)
        const timer = setTimeout(() => done(undefined), CONSEQUENCE_MS)
        look()
      })
    }
    this.say(tell({ act, state, before, view, ms: performance.now() - from }))
  }

  private say(what: string): void {
    const checks = this.load?.checks.results() ?? []
    const broken = checks.find((check) => check.broken !== undefined)
    const verdict =
      this.load === undefined
        ? ''
        : broken === undefined
          ? '; nothing acknowledged was lost'
          : `; ${broken.guarantees} is broken: ${broken.broken}`
    const text = `${what}${verdict}.`
    const told = { id: ++this.lastId, at: new Date(), text }
    this.playing.update((playing) => ({ ...playing, told: withNewest(playing.told, told, TOLD_MAX) }))
    this.announcer.say(text)
  }

  private showSoon(): void {
    this.showing ??= setTimeout(() => {
      this.showing = undefined
      if (this.load === undefined) return
      this.update({ checks: this.load.checks.results(), readers: this.load.checks.digests() })
    }, SHOW_EVERY_MS)
  }

  private update(change: Partial<Playing>): void {
    this.playing.update((playing) => ({ ...playing, ...change }))
  }
}
