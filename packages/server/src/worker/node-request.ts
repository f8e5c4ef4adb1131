import type { IncomingMessage } from "node:http"
import { MayflyError } from "@mayfly/protocol"
import type { KeptRequest } from "./kept-request.ts"

export interface RequestLimits {
  readonly maxBodyBytes: number
  /** Fires when the client goes away. */
  readonly signal: AbortSignal
  /** Gets what is read of the body. */
  readonly kept?: KeptRequest
}

interface ByteController {
  readonly byobRequest: { respond(bytes: number): void } | null | undefined
  enqueue(chunk: Uint8Array): void
  close(): void
}

const withoutBody = new Set(["GET", "HEAD"])

/**
 * A real Request, which `fetch` and `new Request` take, with a body that is read from the socket as the reader asks.
 * Throws `input.invalid` for what can't be one and `server.too-large` for an announced body over the limit; later the body errors with it.
 */
export function requestOf(message: IncomingMessage, { maxBodyBytes, signal, kept }: RequestLimits): Request {
  const { method = "GET", url = "/" } = message
  if (!url.startsWith("/")) throw unreadable("its target is not a path")
  const announced = Number(message.headers["content-length"] ?? 0)
  if (announced > maxBodyBytes) throw tooLarge(maxBodyBytes)
  const hasBody = !withoutBody.has(method) && (announced > 0 || message.headers["transfer-encoding"] !== undefined)
  const body = hasBody ? bodyOf(message, maxBodyBytes, kept) : null
  if (!hasBody) kept?.end()
  try {
    const init = { method, headers: headersOf(message), body, signal, redirect: "manual", duplex: "half" } as const
    return new Request(`http://${message.headers.host ?? "localhost"}${url}`, init)
  } catch (error) {
    throw unreadable((error as Error).message, error)
  }
}

function headersOf({ rawHeaders, socket }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "")
  // As at Cloudflare, where a client can't choose it either.
  headers.set("cf-connecting-ip", socket.remoteAddress ?? "")
  return headers
}

function bodyOf(message: IncomingMessage, maxBytes: number, kept: KeptRequest | undefined): ReadableStream {
  // Ending the iteration must not cut the connection: the answer goes out on it.
  const chunks = message.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  let received = 0
  return new ReadableStream({
    type: "bytes",
    async pull(controller: ByteController) {
      const { done, value } = await chunks.next()
      if (done === true) {
        kept?.end()
        const { byobRequest } = controller
        controller.close()
        // A reader that brought its own buffer gets it back.
        byobRequest?.respond(0)
        return
      }
      received += value.byteLength
      if (received > maxBytes) throw tooLarge(maxBytes)
      kept?.add(value)
      controller.enqueue(new Uint8Array(value))
    },
    async cancel() {
      await chunks.return?.()
      message.resume()
    },
  })
}

function unreadable(why: string, cause?: unknown): MayflyError {
  return new MayflyError("input.invalid", `the request can't be read: ${why}`, { cause })
}

function tooLarge(limit: number): MayflyError {
  return new MayflyError("server.too-large", `the request body is larger than ${limit} bytes`, { details: { limit } })
}
