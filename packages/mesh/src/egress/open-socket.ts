import type { OnReadOpts, Socket } from "node:net"
import type { EgressContext, EgressSocket } from "@mayfly/protocol"
import { dial } from "../dial/dial.ts"
import { addressOf, socketTarget } from "../policy/canonical-target.ts"
import { clear, type Cleared, type EgressTools } from "./clear.ts"
import { redactedSocket } from "./redacted.ts"
import { socketStreams } from "./socket-streams.ts"
import { unreachableError } from "./unreachable-error.ts"

export interface OpenParts {
  readonly context: EgressContext
  readonly tools: EgressTools
}

/** Opens a raw connection that a rule such as "tcp://db.example.com:5432" allows. */
export async function openSocket(
  wanted: { readonly host: string; readonly port: number; readonly tls: boolean },
  { context, tools }: OpenParts,
): Promise<EgressSocket> {
  context.signal.throwIfAborted()
  const cleared = await clear({ method: "CONNECT", target: socketTarget(wanted), headers: [] }, context, tools)
  let release = (): void => {}
  try {
    release = tools.pool.reserve(context.tenant, cleared.target.origin)
    const socket = await dialCleared(cleared, { context, tools })
    socket.once("close", release)
    return redactedSocket(socketStreams(socket, { cleared, signal: context.signal }), cleared.redactor)
  } catch (error) {
    cleared.entry.end({ reason: "too-many-connections" })
    release()
    throw error
  }
}

export interface DialClearedParts extends OpenParts {
  /** For a tunnel: whoever uses it speaks TLS itself, when somebody does, and reads through this. */
  readonly onread?: OnReadOpts
}

/**
 * Connects to what was cleared, with TLS when its scheme has it and this is no tunnel. Rejects with a MayflyError or the
 * signal's reason.
 */
export async function dialCleared(cleared: Cleared, parts: DialClearedParts): Promise<Socket> {
  const { context, tools, onread } = parts
  const { target, addresses, entry } = cleared
  const { signal } = context
  const { ca } = tools.options
  const isTls = onread === undefined && (target.scheme === "tls" || target.scheme === "https")
  const host = addressOf(target.host) ?? target.host
  // A raw connection speaks no HTTP, so it offers none.
  const protocols = target.scheme === "tls" ? [] : ["http/1.1"]
  const tls = { host, protocols, ...(ca === undefined ? {} : { ca }) }
  const limits = { port: target.port, timeoutMs: tools.timeouts.connectMs, signal }
  try {
    const socket = await dial(addresses, {
      ...limits,
      ...(isTls ? { tls } : {}),
      ...(onread === undefined ? {} : { onread }),
    })
    entry.set({ address: socket.remoteAddress ?? null })
    return socket
  } catch (cause) {
    entry.end({ reason: signal.aborted ? "aborted" : "unreachable" })
    signal.throwIfAborted()
    throw unreachableError(cause, { method: "CONNECT", origin: target.origin, wasConnected: false })
  }
}
