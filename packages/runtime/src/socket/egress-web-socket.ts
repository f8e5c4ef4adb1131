import type { EgressWebSocket } from "@mayfly/protocol"
import type { SocketEnd } from "./socket-end.ts"

/** An end of a socket behind the interface of the way out: for a parent's fetcher that upgrades. */
export function egressWebSocket(end: SocketEnd, protocol: string): EgressWebSocket {
  const { promise: closed, resolve } = Promise.withResolvers<{ code: number; reason: string }>()
  const messages = new ReadableStream<string | Uint8Array>(
    {
      async pull(controller) {
        const batch = await end.receive()
        for (const message of batch.messages) controller.enqueue(message)
        if (batch.closing === undefined) return
        resolve({ code: batch.closing.code, reason: batch.closing.reason })
        controller.close()
      },
      cancel: () => end.close({ code: 1000, reason: "" }),
    },
    { highWaterMark: 0 },
  )
  return {
    protocol,
    messages,
    closed,
    async send(message) {
      if (end.send(message) !== undefined) throw new RangeError("a message is too large")
      await end.room()
    },
    close: (code = 1005, reason = "") => end.close({ code, reason }),
  }
}
