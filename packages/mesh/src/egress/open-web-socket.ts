import { type EgressWebSocket, type HeaderPairs, MayflyError } from "@mayfly/protocol"
import { WebSocket } from "ws"
import { webSocketTarget } from "../policy/canonical-target.ts"
import { clear, type Cleared } from "./clear.ts"
import { dialCleared, type OpenParts } from "./open-socket.ts"
import { redactedWebSocket } from "./redacted.ts"
import { unreachableError } from "./unreachable-error.ts"
import { webSocketStreams } from "./web-socket-streams.ts"

/**
 * Opens a WebSocket under the rule for the http or https origin of the same host. A redirect is a failure. The handshake
 * has the headers that the guest gave and the rule sets; an Origin only when one of them says so.
 */
export async function openWebSocket(
  url: string,
  { protocols, headers }: { readonly protocols: readonly string[]; readonly headers: HeaderPairs },
  { context, tools }: OpenParts,
): Promise<EgressWebSocket> {
  context.signal.throwIfAborted()
  checkProtocols(protocols)
  const asked = { method: "GET", target: webSocketTarget(url), headers: handshakeHeaders(headers) }
  const cleared = await clear(asked, context, tools)
  let release = (): void => {}
  try {
    release = tools.pool.reserve(context.tenant, cleared.target.origin)
    const socket = await dialCleared(cleared, { context, tools })
    socket.once("close", release)
    const client = new WebSocket(webSocketUrl(cleared), [...protocols], {
      // Connected and checked already.
      createConnection: () => socket,
      headers: grouped(cleared.headers),
      followRedirects: false,
      // Compression keeps memory per connection, and unfolds small messages to large ones.
      perMessageDeflate: false,
      autoPong: false,
      handshakeTimeout: tools.timeouts.headersMs,
      maxPayload: Math.min(cleared.maxResponseBytes, maxMessageBytes),
    })
    return redactedWebSocket(await opened(client, cleared, context.signal), cleared.redactor)
  } catch (error) {
    cleared.entry.end({ reason: "too-many-connections" })
    release()
    throw error
  }
}

function webSocketUrl({ target, pathAndQuery }: Cleared): string {
  return target.origin.replace(/^http/, "ws") + pathAndQuery
}

const maxMessageBytes = 32 << 20

function checkProtocols(protocols: readonly string[]): void {
  const isValid = protocols.length <= 100 && protocols.every((protocol) => isToken.test(protocol))
  if (isValid && new Set(protocols).size === protocols.length) return
  throw new MayflyError("input.invalid", 'WebSocket subprotocols are different tokens, such as "chat.v1"', {
    details: { field: "protocols" },
  })
}

const isToken = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/i

/** Those of the handshake are ours. */
function handshakeHeaders(headers: HeaderPairs): HeaderPairs {
  return headers.filter(([name]) => !name.toLowerCase().startsWith("sec-websocket-"))
}

function grouped(pairs: HeaderPairs): Record<string, string[]> {
  const headers: Record<string, string[]> = Object.create(null)
  for (const [name, value] of pairs) (headers[name.toLowerCase()] ??= []).push(value)
  // An upgrade has no body to encode.
  delete headers["accept-encoding"]
  return headers
}

function opened(client: WebSocket, cleared: Cleared, signal: AbortSignal): Promise<EgressWebSocket> {
  const { entry, target } = cleared
  return new Promise((resolve, reject) => {
    const onAbort = (): void => client.terminate()
    const fail = (cause: unknown, status: number | null): void => {
      signal.removeEventListener("abort", onAbort)
      entry.end({ status, reason: signal.aborted ? "aborted" : "unreachable" })
      const why = status === null ? {} : { why: `it answered ${status} instead of opening a WebSocket` }
      const failure = { method: "GET", origin: target.origin, wasConnected: true, ...why }
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is whatever its owner gave
      reject(signal.aborted ? signal.reason : unreachableError(cause, failure))
    }
    const onError = (error: Error): void => fail(error, null)
    client.on("error", onError)
    client.once("unexpected-response", (request, response) => {
      fail(new Error("no upgrade"), response.statusCode ?? null)
      request.destroy()
    })
    client.once("open", () => {
      client.off("error", onError)
      signal.removeEventListener("abort", onAbort)
      entry.set({ status: 101 })
      // At once: messages may have come with the handshake, and whoever listens later misses them.
      resolve(webSocketStreams(client, { cleared, signal }))
    })
    signal.addEventListener("abort", onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}
