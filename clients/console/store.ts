// A value that changes, and components that are drawn again when the part that they look at has. Changes that come
// together are drawn once, with the next frame: under load a page must not draw more often than it can be seen.

import { useEffect, useReducer, useRef } from 'preact/hooks'

export class Store<State> {
  private value: State
  private readonly listeners = new Set<() => void>()

  constructor(initial: State) {
    this.value = initial
  }

  get(): State {
    return this.value
  }

  update(change: (state: State) => State): void {
    const next = change(this.value)
    if (next === this.value) return
    this.value = next
    for (const listener of this.listeners) listener()
  }

  listen(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

export function useStore<State, Part>(store: Store<State>, select: (state: State) => Part): Part {
  const [, draw] = useReducer((n: number) => n + 1, 0)
  const part = select(store.get())
  const drawn = useRef(part)
  drawn.current = part
  const selecting = useRef(select)
  selecting.current = select
  useEffect(() => {
    let frame = 0
    const stop = store.listen(() => {
      if (frame !== 0 || selecting.current(store.get()) === drawn.current) return
      frame = nextFrame(() => {
        frame = 0
        draw(undefined as never)
      })
    })
    // What changed before this effect ran.
    if (selecting.current(store.get()) !== drawn.current) draw(undefined as never)
    return () => {
      stop()
      cancelAnimationFrame(frame)
    }
  }, [store])
  return part
}

function nextFrame(call: () => void): number {
  return requestAnimationFrame(call)
}
