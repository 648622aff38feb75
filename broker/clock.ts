// The only clocks of a running replica. Everything below is handed these; the simulator hands in its own.

/** Milliseconds that never go back, whatever is done to the machine's clock. Only differences mean anything. */
export const monotonicMs: () => number = () => performance.now()

/** Milliseconds since 1970, as people see them. May jump; only ever put into a command, never compared here. */
export const wallClockMs: () => number = () => Date.now()
