import type { Socket } from "node:net"
import { Transform } from "node:stream"
import { socketHoldMs } from "./redacted.ts"
import type { RedactingStream } from "../secrets/redactor.ts"
import type { Cleared } from "./clear.ts"
import type { TunnelReader } from "./tunnel-reader.ts"

export interface FarEnd {
  readonly far: Socket
  /** What reads `far`. */
  readonly reader: TunnelReader
}

export interface JoinOptions {
  readonly cleared: Cleared
  readonly idleMs: number
}

/**
 * Carries bytes between two sockets until both are done. The row of the ledger ends with `far`. Each direction waits for
 * whoever reads it; one that has ended leaves the other one open, as in TCP.
 */
export function joinSockets(near: Socket, { far, reader }: FarEnd, { cleared, idleMs }: JoinOptions): void {
  near.allowHalfOpen = true
  far.allowHalfOpen = true
  near.setNoDelay(true)
  const give = (reason: string | null): void => {
    cleared.entry.end({ reason })
    near.destroy()
    far.destroy()
  }
  // Every byte passes both sockets, so one of them knows whether any does.
  near.setTimeout(idleMs, () => give("idle"))
  // A client that is gone looks like one that has said all: without this it would keep its place for as long as the server is silent.
  const hurry = (): void => void near.setTimeout(Math.min(idleMs, halfOpenIdleMs))
  near.once("end", hurry)
  far.once("end", hurry)
  // Clients of TLS often reset a connection when they have all that they wanted.
  near.on("error", () => give(null))
  far.on("error", () => give("unreachable"))
  near.once("close", () => far.destroySoon())
  far.once("close", () => near.destroySoon())
  if (near.destroyed || far.destroyed) return give("cancelled")
  const outward = filterFor(cleared.maxRequestBytes, null, () => give("request-too-large"))
  if (outward === null) near.pipe(far)
  else near.pipe(outward).pipe(far)
  const redacting = cleared.target.scheme === "tcp" && cleared.redactor.isNeeded ? cleared.redactor.stream() : null
  const inward = filterFor(cleared.maxStreamBytes ?? Infinity, redacting, () => give("response-too-large"))
  if (inward !== null) inward.pipe(near)
  reader.readInto(inward ?? near, far)
}

const halfOpenIdleMs = 60_000

/** What looks at the bytes of one direction, null when nothing needs to. */
function filterFor(maxBytes: number, redacting: RedactingStream | null, onTooMany: () => void): Transform | null {
  if (maxBytes === Infinity && redacting === null) return null
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  return new Transform({
    transform(chunk: Uint8Array, _encoding, callback) {
      clearTimeout(timer)
      bytes += chunk.byteLength
      if (bytes > maxBytes) {
        onTooMany()
        return callback()
      }
      // A copy: what the redactor gives shares its memory with what comes next.
      callback(null, redacting === null ? chunk : Buffer.from(redacting.push(chunk)))
      // The other side may wait for an answer to this before it says more.
      if (redacting?.isHolding === true)
        timer = setTimeout(() => this.push(Buffer.from(redacting.flush())), socketHoldMs)
    },
    destroy(error, callback) {
      clearTimeout(timer)
      callback(error)
    },
    flush(callback) {
      clearTimeout(timer)
      callback(null, redacting === null ? null : Buffer.from(redacting.end()))
    },
  })
}
