import type { WebSocket } from "ws"
import { KeyEnded } from "../auth/known-key.ts"

type Close = (code: number, reason: string) => void

/** Says goodbye when `signal` fires, with the code that fits (RFC 6455, 7.4.1): the key counts no more, or the server goes away. */
export function closeOnAbort(
  socket: WebSocket,
  signal: AbortSignal,
  close: Close = (...goodbye) => socket.close(...goodbye),
): void {
  const end = (): void => {
    const reason: unknown = signal.reason
    if (reason instanceof KeyEnded) close(1008, reason.message)
    else close(1001, "the server stops")
  }
  signal.addEventListener("abort", end, { once: true })
  socket.once("close", () => signal.removeEventListener("abort", end))
  if (signal.aborted) end()
}
