// Three NATS servers that replicate streams among them, for the peer that keeps what it acknowledges.

import { createServer } from 'node:net'
import { ROSTER, type Server, startServer } from './processes.ts'

export async function withCluster<T>(use: (servers: readonly Server[]) => Promise<T>): Promise<T> {
  const ports = await freePorts(ROSTER.length)
  const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(', ')
  const servers: Server[] = []
  try {
    for (const [i, name] of ROSTER.entries())
      servers.push(
        await startServer(`
          server_name: ${name}
          jetstream { store_dir: "$FOLDER", max_memory_store: 1GB }
          cluster { name: bench, listen: "127.0.0.1:${ports[i]}", routes: [${routes}] }`),
      )
    return await use(servers)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** Free a moment ago: a server must name the ports of the others before they run. */
async function freePorts(count: number): Promise<number[]> {
  const listeners = await Promise.all(
    Array.from({ length: count }, async () => {
      const listener = createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => listener.once('listening', resolve))
      return listener
    }),
  )
  const ports = listeners.map((listener) => (listener.address() as { port: number }).port)
  await Promise.all(listeners.map((listener) => new Promise((resolve) => listener.close(resolve))))
  return ports
}
