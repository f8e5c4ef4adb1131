import { createSocketClasses } from "../../socket/web-socket-class.ts"
import type { LoadChunk } from "../kernel.ts"
import { connectWebSocket, openSocket } from "./connect-web-socket.ts"
import { installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"
import { socketRealm } from "./socket-realm.ts"

type OpenArguments = [url: string, protocols: readonly string[], headers: readonly (readonly [string, string])[]]

/** WebSocket and WebSocketPair; and for the bridge what it needs of them. */
const loadWebSocket: LoadChunk = (kernel) => {
  installKernel(kernel)
  const { WebSocket, WebSocketPair, internals } = createSocketClasses(socketRealm(), connectWebSocket)
  const open = (...values: OpenArguments): ReturnType<typeof openSocket> => openSocket(...values, internals)
  return { ...nameClasses({ WebSocket, WebSocketPair }), WebSocketInternals: internals, openSocket: open }
}

export default loadWebSocket
