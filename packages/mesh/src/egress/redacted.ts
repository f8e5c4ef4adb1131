import type { EgressSocket, EgressWebSocket, HeaderPairs } from "@mayfly/protocol"
import type { Redactor } from "../secrets/redactor.ts"

/** Headers without brokered secrets. */
export function redactedHeaders(headers: HeaderPairs, redactor: Redactor | null): HeaderPairs {
  return redactor === null ? headers : headers.map(([name, value]) => [name, redactor.text(value)])
}

/** A body without brokered secrets. What may be the beginning of one is held back until more has come. */
export function redactedBody(body: ReadableStream<Uint8Array>, redactor: Redactor | null): ReadableStream<Uint8Array> {
  if (redactor === null) return body
  const reader = body.getReader()
  const stream = redactor.stream()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read()
          const safe = done ? stream.end() : stream.push(value)
          // The next piece goes into other memory than this one, which its reader may take.
          if (safe.length > 0) controller.enqueue(new Uint8Array(safe))
          if (done) controller.close()
          if (done || safe.length > 0) return
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** A WebSocket whose messages hold no brokered secrets. Each is looked through by itself. */
export function redactedWebSocket(socket: EgressWebSocket, redactor: Redactor | null): EgressWebSocket {
  if (redactor === null) return socket
  return {
    protocol: socket.protocol,
    messages: redactedMessages(socket.messages, redactor),
    send: (message) => socket.send(message),
    close: (code, reason) => socket.close(code, reason),
    closed: socket.closed.then(({ code, reason }) => ({ code, reason: redactor.text(reason) })),
  }
}

function redactedMessages(
  messages: EgressWebSocket["messages"],
  redactor: Redactor,
): ReadableStream<string | Uint8Array> {
  const reader = messages.getReader()
  return new ReadableStream<string | Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(redactedMessage(value, redactor))
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

function redactedMessage(message: string | Uint8Array, redactor: Redactor): string | Uint8Array {
  if (typeof message === "string") return redactor.text(message)
  const stream = redactor.stream()
  return new Uint8Array(Buffer.concat([stream.push(message), stream.end()]))
}

export function redactedSocket(socket: EgressSocket, redactor: Redactor | null): EgressSocket {
  return redactor === null ? socket : { readable: redactedBody(socket.readable, redactor), writable: socket.writable }
}
