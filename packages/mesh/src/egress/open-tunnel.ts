import type { Socket } from "node:net"
import { type Target, withoutPath } from "../policy/canonical-target.ts"
import type { RefusalReason } from "../policy/denied-error.ts"
import { clear, type Cleared } from "./clear.ts"
import { type FarEnd, joinSockets } from "./join-sockets.ts"
import { dialCleared, type OpenParts } from "./open-socket.ts"
import { TunnelReader } from "./tunnel-reader.ts"

/** A connection that waits for whoever speaks through it. Whoever got it joins or closes it. */
export interface Tunnel {
  /**
   * Carries bytes both ways, no faster than they are taken, until both sides are done. Owns `near` from now on. A
   * connection that is silent for `idleMs` is closed.
   */
  join(near: Socket, options: { readonly idleMs: number }): void
  /** Closes it unused. */
  close(reason: RefusalReason | "cancelled"): void
}

/** Clears and opens a tunnel, see `HttpEgress`. */
export async function openTunnel(target: Target, { context, tools }: OpenParts): Promise<Tunnel> {
  context.signal.throwIfAborted()
  const end = { ok: true, target: withoutPath(target) } as const
  const asked = { method: "CONNECT", target: end, headers: [], isTunnel: true }
  const cleared = await clear(asked, context, tools)
  let release = (): void => {}
  try {
    release = tools.pool.reserve(context.tenant, cleared.target.origin)
    const reader = new TunnelReader()
    const far = await dialCleared(cleared, { context, tools, onread: reader.options })
    far.once("close", release)
    return tunnelOf({ far, reader }, cleared, context.signal)
  } catch (error) {
    cleared.entry.end({ reason: "too-many-connections" })
    release()
    throw error
  }
}

function tunnelOf({ far, reader }: FarEnd, cleared: Cleared, signal: AbortSignal): Tunnel {
  const { entry } = cleared
  const onAbort = (): void => void far.destroy()
  signal.addEventListener("abort", onAbort, { once: true })
  // What a connection has carried is what the sockets count anyway.
  entry.countFrom(() => ({ bytesIn: far.bytesRead, bytesOut: far.bytesWritten }))
  far.once("close", () => {
    signal.removeEventListener("abort", onAbort)
    entry.end()
  })
  return {
    join: (near, options) => joinSockets(near, { far, reader }, { ...options, cleared }),
    close(reason) {
      entry.end({ reason })
      far.destroy()
    },
  }
}
