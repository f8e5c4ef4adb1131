import { createSocketClasses } from "../../socket/web-socket-class.ts"
import type { LoadChunk } from "../kernel.ts"
import { installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"
import { socketRealm } from "./socket-realm.ts"

/** WebSocket and WebSocketPair; and for the bridge what it needs of them. */
const loadWebSocket: LoadChunk = (kernel) => {
  installKernel(kernel)
  const { WebSocket, WebSocketPair, internals } = createSocketClasses(socketRealm(), () => {
    throw new TypeError("new WebSocket() is not available")
  })
  return { ...nameClasses({ WebSocket, WebSocketPair }), WebSocketInternals: internals }
}

export default loadWebSocket
