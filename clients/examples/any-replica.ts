// A `fetch` for clients of server-sent events that know one address only, such as EventSource: each time it is called it
// asks the next replica that answers. The path, the parameters and `Last-Event-ID` are the client's; they mean the same
// at every replica, so a stream goes on where the last one broke off.

/** `replicas`: addresses as in `http://127.0.0.1:7400`, the one to begin with first. */
export function anyReplica(replicas: readonly string[]): (url: string | URL, init?: RequestInit) => Promise<Response> {
  let turn = 0
  return async (url, init) => {
    const { pathname, search } = new URL(url)
    let refusal = 'there are no replicas'
    for (const _ of replicas) {
      const replica = replicas[turn++ % replicas.length]!
      try {
        const response = await fetch(new URL(pathname + search, replica), init)
        // Any other answer is about the request, and would be the same at the next one.
        if (response.status < 500 && response.status !== 429) return response
        await response.body?.cancel()
        refusal = `${replica} answers ${response.status}`
      } catch (error) {
        if (init?.signal?.aborted) throw error
        refusal = `${replica} cannot be reached`
      }
    }
    // An EventSource takes an answer for final, and an error for a reason to try again soon.
    throw new Error(`No replica is of use: ${refusal}.`)
  }
}
