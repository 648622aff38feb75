// What a group needs of a network, and no more.

/**
 * Carries datagrams between the replicas of one group. It may lose, delay, reorder or repeat any of them and will not
 * say so; what it delivers is whole. Everything the group promises is built on no more than this.
 */
export interface Fabric {
  /**
   * How much is carried at once now, in bytes. May change when the fabric is linked again. A larger datagram is carried
   * too, in parts, at more cost and risk.
   */
  readonly datagramBytesMax: number
  /** Whether the fabric is reachable from here. Where a fabric cannot tell, always true. */
  readonly linked: boolean
  /**
   * Sends to one incarnation, or to everyone else. Never throws and never waits: while not linked, with too much
   * unsent, or over 16 MiB, the datagram is dropped and counted. Its first byte is never 255. The bytes must not be
   * changed afterwards.
   */
  send(to: number | 'everyone', datagram: Uint8Array): void
  /** One listener. The bytes that `receive` is given are there only until it returns: who keeps of them makes a copy. */
  listen(receive: (datagram: Uint8Array) => void, linkChanged: (linked: boolean) => void): void
  /** From now on datagrams sent to this incarnation come here: a replica that was excluded takes a new one. */
  address(incarnation: number): void
  /** Ends it. Resolves when nothing of it runs any more; nothing is received afterwards. */
  close(): Promise<void>
}
