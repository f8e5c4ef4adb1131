import { connect, isIP, type LookupFunction, type OnReadOpts, type Socket } from "node:net"
import { connect as connectTls, type TLSSocket } from "node:tls"
import { normalAddress } from "./address.ts"

export interface DialOptions {
  readonly port: number
  /** Speak TLS with the host of this name. Without it the socket is plain. */
  readonly tls?: {
    readonly host: string
    readonly protocols?: readonly string[]
    readonly ca?: string | readonly string[]
  }
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Where bytes are read to, for a plain socket of which nobody reads in the usual way. */
  readonly onread?: OnReadOpts
}

/**
 * Connects to one of the given addresses, which the caller has checked, and to nothing else. Several are tried in turn
 * ("localhost" is ::1 and 127.0.0.1, and few servers listen on both). With `tls` the certificate must be valid for its
 * host. The caller owns the socket; until it listens, errors of the socket are swallowed. Rejects with the system's error.
 */
export async function dial(addresses: readonly string[], options: DialOptions): Promise<Socket | TLSSocket> {
  const { port, tls, timeoutMs = 10_000, signal, onread } = options
  signal?.throwIfAborted()
  const plain = connect({
    // Never looked up by the system: the answer is the list.
    host: "checked.invalid",
    port,
    lookup: pinnedLookup(addresses),
    autoSelectFamily: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    ...(onread === undefined ? {} : { onread }),
  })
  const limits = { timeoutMs, signal }
  await opened(plain, "connect", limits)
  // Before a byte is sent: what counts is where the socket arrived.
  if (!addresses.map(normalAddress).includes(normalAddress(plain.remoteAddress ?? ""))) {
    plain.destroy()
    throw new Error("connected to an address that was not checked")
  }
  if (tls === undefined) return plain
  const { host, protocols = ["http/1.1"], ca } = tls
  const secure = connectTls({
    socket: plain,
    host,
    // RFC 6066: an address is no server name. The certificate is then checked against `host`.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: [...protocols],
    ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }),
  })
  await opened(secure, "secureConnect", limits)
  return secure
}

function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_name, options, callback) => {
    const [first] = all
    if (options.all === true) callback(null, all)
    else callback(null, first?.address ?? "", first?.family)
  }
}

interface OpenLimits {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** Waits for a socket to be open; destroys it when it fails, takes too long, or is not wanted any more. */
function opened(socket: Socket, event: string, { timeoutMs, signal }: OpenLimits): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error("no connection in time"), { code: "ETIMEDOUT" }))
    }, timeoutMs)
    const onAbort = (): void => void socket.destroy(new Error("aborted"))
    const settle = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", onAbort)
    }
    socket.once("error", (error) => {
      settle()
      reject(error)
    })
    socket.once("close", () => {
      settle()
      reject(Object.assign(new Error("closed while connecting"), { code: "ECONNRESET" }))
    })
    socket.once(event, () => {
      settle()
      resolve()
    })
    signal?.addEventListener("abort", onAbort, { once: true })
    // Until somebody else listens, an error must not end the process.
    socket.on("error", () => {})
  })
}
