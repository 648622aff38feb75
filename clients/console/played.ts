// A change of view is over in less time than people need to see that it began. So it is shown again, slowly: each step for
// a while, up to the one that it has reached. Who wants less motion is shown the end at once.

import { useEffect, useState } from 'preact/hooks'

const STEP_MS = 550

/** Which step of `reached` is to be shown now; -1: none. Begins anew with each `id`. */
export function usePlayed(id: number | undefined, reached: number): number {
  const [playing, setPlaying] = useState<{ readonly id: number | undefined; readonly step: number }>({
    id: undefined,
    step: -1,
  })
  const step = playing.id === id ? Math.min(playing.step, reached) : -1
  useEffect(() => {
    if (id === undefined || step >= reached) return
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      setPlaying({ id, step: reached })
      return
    }
    const timer = setTimeout(() => setPlaying({ id, step: step + 1 }), step === -1 ? 0 : STEP_MS)
    return () => clearTimeout(timer)
  }, [id, step, reached])
  return step
}
