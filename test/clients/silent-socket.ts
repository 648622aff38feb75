// A WebSocket to nobody: a test hands over by hand what would have come.

export class SilentSocket {
  binaryType = ''
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose = null
  onerror = null
  closed = false

  send(): void {}

  close(): void {
    this.closed = true
  }
}
