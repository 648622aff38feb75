// The name of the streaming protocol, which is its version (clients/PROTOCOL.md).

export const SUBPROTOCOL = 'lockstep.v1'
