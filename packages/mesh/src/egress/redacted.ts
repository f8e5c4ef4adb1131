import { setTimeout as delay } from "node:timers/promises"
import type { EgressSocket, EgressWebSocket, HeaderPairs } from "@mayfly/protocol"
import type { LiveRedactor } from "../secrets/live-redactor.ts"

/** Headers without brokered secrets, in their names either: some servers make names of what they are asked. */
export function redactedHeaders(headers: HeaderPairs, redactor: LiveRedactor): HeaderPairs {
  return headers.map(([name, value]) => [redactor.text(name), redactor.text(value)])
}

/** For how long the end of a body is held back, which might be the beginning of a secret, when nothing more comes. */
const bodyHoldMs = 500
/** The same where the other side may wait for an answer before it says more. */
export const socketHoldMs = 20

/** A body without brokered secrets. The end of what came is held back for a moment, or until more has come: see RedactingStream. */
export function redactedBody(
  body: ReadableStream<Uint8Array>,
  redactor: LiveRedactor,
  holdMs: number = bodyHoldMs,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const stream = redactor.stream()
  let pending: ReturnType<typeof reader.read> | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          pending ??= reader.read()
          const next = stream.isHolding ? await within(pending, holdMs) : await pending
          if (next !== undefined) pending = undefined
          const isDone = next?.done === true
          const safe =
            next === undefined ? stream.flush() : isDone ? stream.end() : stream.push(next.value as Uint8Array)
          // The next piece goes into other memory than this one, which its reader may take.
          if (safe.length > 0) controller.enqueue(safe === next?.value ? safe : new Uint8Array(safe))
          if (isDone) controller.close()
          if (isDone || safe.length > 0) return
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** What comes of it within the time, else undefined. */
async function within<Value>(pending: Promise<Value>, ms: number): Promise<Value | undefined> {
  const timer = new AbortController()
  // Whoever reads next is told of a failure.
  pending.catch(() => {})
  try {
    return await Promise.race([pending, delay(ms, undefined, { signal: timer.signal }).catch(() => undefined)])
  } finally {
    timer.abort()
  }
}

/** A WebSocket whose messages hold no brokered secrets. Each is looked through by itself. */
export function redactedWebSocket(socket: EgressWebSocket, redactor: LiveRedactor): EgressWebSocket {
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
  redactor: LiveRedactor,
): ReadableStream<string | Uint8Array> {
  const reader = messages.getReader()
  return new ReadableStream<string | Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) return controller.close()
        if (typeof value === "string") return controller.enqueue(redactor.text(value))
        redactor.bytes(value)
        controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

export function redactedSocket(socket: EgressSocket, redactor: LiveRedactor): EgressSocket {
  return { readable: redactedBody(socket.readable, redactor, socketHoldMs), writable: socket.writable }
}
