import { MayflyError } from "@mayfly/protocol"
import type { Http } from "./http.ts"

const protocol = "mayfly"
const handshakeMs = 60_000
const refusalMs = 10_000

/**
 * Opens a WebSocket of the API. The key goes as a subprotocol: browsers let a page set no header, and a key in the URL would stand in logs. Rejects with
 * what the server refuses it with, or `client.unreachable`.
 */
export async function openSocket(http: Http, at: URL): Promise<WebSocket> {
  const url = new URL(at)
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
  const key = http.key === undefined ? [] : [`bearer.${http.key}`]
  const socket = new WebSocket(url, [protocol, ...key])
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.addEventListener("open", () => resolve(), { once: true })
  socket.addEventListener("error", () => reject(new Error("refused")), { once: true })
  const timer = setTimeout(() => {
    reject(new Error("it takes too long"))
    socket.close()
  }, handshakeMs)
  try {
    await promise
    return socket
  } catch (cause) {
    throw (await refusal(http, at)) ?? new MayflyError("client.unreachable", `${url.host} can't be reached`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** WebSockets do not say why they were refused; a plain request to the same address does. */
async function refusal(http: Http, at: URL): Promise<MayflyError | undefined> {
  try {
    await http.sendTo(at, "GET", { retry: false, signal: AbortSignal.timeout(refusalMs) })
    return undefined
  } catch (error) {
    return error instanceof MayflyError && error.code !== "server.upgrade-required" ? error : undefined
  }
}
