import { isIP, type LookupFunction, type Socket } from "node:net"
import { buildConnector, Client } from "undici"
import { normalAddress } from "./address.ts"
import type { Target } from "./canonical-origin.ts"
import { decodeBody } from "./decode-body.ts"
import type { Hop } from "./next-hop.ts"
import { incomingHeaders } from "./request-headers.ts"

export interface ExchangeOptions {
  /** Checked addresses; nothing else is dialled. At least one. */
  readonly addresses: readonly string[]
  /** The most bytes of body, as sent and as decoded. */
  readonly maxBytes: number
  readonly signal: AbortSignal
  /** The body of a redirect that will be followed is of no use. */
  skipBody(status: number): boolean
}

export type Exchange =
  | ({ readonly status: "answered"; readonly response: RawResponse } & Traffic)
  | ({ readonly status: "too-large"; readonly responseStatus: number } & Traffic)
  | ({ readonly status: "failed"; readonly cause: unknown; readonly responseStatus: number | null } & Traffic)

export interface RawResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array
  readonly location: string | null
}

export interface Traffic {
  /** The address that was connected to, null when none answered. */
  readonly address: string | null
  /** Bytes of body that came over the wire. */
  readonly bytesIn: number
}

/**
 * Sends one request over a connection of its own and reads the answer within its bounds. Never rejects. A connection
 * is not shared: another policy, or another tenant, must not inherit an address that was checked for this one.
 */
export async function exchange(hop: Hop, target: Target, options: ExchangeOptions): Promise<Exchange> {
  const traffic = { address: null as string | null, bytesIn: 0 }
  const onConnect = (socket: Socket): void => {
    traffic.address = socket.remoteAddress ?? null
  }
  const client = new Client(target.origin, { connect: pinnedConnector(options.addresses, onConnect), pipelining: 1 })
  let responseStatus: number | null = null
  try {
    const answer = await client.request({
      path: target.pathAndQuery,
      // undici's list of methods is shorter than what HTTP permits.
      method: hop.method as "GET",
      headers: hop.headers.flat(),
      body: hop.body,
      signal: options.signal,
    })
    responseStatus = answer.statusCode
    // Destroying the client below fails a body that nobody reads; without a listener that would end the process.
    answer.body.on("error", () => {})
    const skipped = options.skipBody(answer.statusCode)
    const wire = skipped ? empty : await readBody(answer.body, options.maxBytes, traffic)
    if (wire === null) return { status: "too-large", responseStatus, ...traffic }
    const encodings = [answer.headers["content-encoding"] ?? ""].flat().join(",")
    const decoded = await decodeBody(wire, encodings, options.maxBytes)
    if (decoded.status === "too-large") return { status: "too-large", responseStatus, ...traffic }
    if (decoded.status === "corrupt") return { status: "failed", cause: decoded.cause, responseStatus, ...traffic }
    const response = {
      status: answer.statusCode,
      statusText: answer.statusText,
      headers: incomingHeaders(answer.headers, { decoded: decoded.status === "decoded" }),
      body: decoded.status === "decoded" ? decoded.body : wire,
      location: [answer.headers["location"] ?? []].flat()[0] ?? null,
    }
    return { status: "answered", response, ...traffic }
  } catch (cause) {
    return { status: "failed", cause, responseStatus, ...traffic }
  } finally {
    await client.destroy()
  }
}

const empty = new Uint8Array()
const connectTimeoutMs = 10_000

/** Connects to one of the given addresses whatever the name server says by now, and checks where it arrived. */
function pinnedConnector(addresses: readonly string[], onConnect: (socket: Socket) => void): buildConnector.connector {
  const allowed = new Set(addresses.map(normalAddress))
  // autoSelectFamily tries the addresses in turn: "localhost" is ::1 and 127.0.0.1, and few servers listen on both.
  const connect = buildConnector({
    lookup: pinnedLookup(addresses),
    autoSelectFamily: true,
    timeout: connectTimeoutMs,
    maxCachedSessions: 0,
  })
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error !== null) return callback(error, null)
      // A host that is an address is never looked up, so what counts is where the socket arrived.
      if (!allowed.has(normalAddress(socket.remoteAddress ?? ""))) {
        socket.destroy()
        return callback(new Error("connected to an address that was not checked"), null)
      }
      onConnect(socket)
      callback(null, socket)
    })
}

function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_name, options, callback) => {
    const [first] = all
    if (options.all === true) callback(null, all)
    else callback(null, first?.address ?? "", first?.family)
  }
}

/** The bytes of a body, or null when there are more than allowed. */
async function readBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  traffic: { bytesIn: number },
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) {
    traffic.bytesIn += chunk.length
    if (traffic.bytesIn > maxBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
