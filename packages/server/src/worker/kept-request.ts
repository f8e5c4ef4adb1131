import type { IncomingMessage } from "node:http"
import { asRecord } from "../parse-fields.ts"

/** As much as a list of programs takes. A longer body is not kept. */
export const maxKeptBytes = 256 << 10
/** Of all requests under way. */
const maxHeldBytes = 64 << 20

/** Who sends one of these must be asked again: what it may do is not for anybody else, and not for the disk. */
const credentials = ["authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token", "x-access-token"]

let heldBytes = 0

/**
 * What is needed to handle a request again: its method, path, content type and body, nothing else. Requests with credentials or a query, in which keys are
 * often put, and those with a long body can't be kept. Whoever makes one disposes it at the end of the request; disposing twice is safe.
 */
export class KeptRequest implements Disposable {
  readonly #head: { readonly method: string; readonly path: string; readonly type: string }
  #chunks: Uint8Array[] = []
  #bytes = 0
  #state: "reading" | "whole" | "lost" = "reading"

  constructor({ method = "GET", url = "/", headers }: IncomingMessage) {
    this.#head = { method, path: url, type: headers["content-type"] ?? "" }
    if (url.includes("?") || credentials.some((name) => headers[name] !== undefined)) this.#lose()
  }

  /** Copies: whoever reads the body may take its memory. */
  add(chunk: Uint8Array): void {
    if (this.#state !== "reading") return
    const isTooMuch = this.#bytes + chunk.byteLength > maxKeptBytes || heldBytes + chunk.byteLength > maxHeldBytes
    if (isTooMuch) return this.#lose()
    this.#bytes += chunk.byteLength
    heldBytes += chunk.byteLength
    this.#chunks.push(Uint8Array.from(chunk))
  }

  end(): void {
    if (this.#state === "reading") this.#state = "whole"
  }

  /** For `requestAgain`. Undefined when it can't be kept, or its body has not been read to the end. */
  text(): string | undefined {
    if (this.#state !== "whole") return undefined
    return JSON.stringify({ ...this.#head, body: Buffer.concat(this.#chunks).toString("base64") })
  }

  #lose(): void {
    this.#state = "lost"
    heldBytes -= this.#bytes
    this.#bytes = 0
    this.#chunks = []
  }

  [Symbol.dispose](): void {
    this.#lose()
  }
}

/** The request that was kept, to the same address. Throws when the text is none. */
export function requestAgain(text: string, base: string): Request {
  const { method, path, type, body } = asRecord(JSON.parse(text) as unknown, "a kept request") as Record<string, string>
  const headers = type === undefined || type === "" ? {} : { "content-type": type }
  const hasBody = body !== undefined && body !== "" && method !== "GET" && method !== "HEAD"
  // Not `new URL(path, base)`: "//other.example/" would be another server.
  return new Request(`${new URL(base).origin}${path ?? "/"}`, {
    method: method ?? "GET",
    headers,
    ...(hasBody && { body: Buffer.from(body, "base64") }),
  })
}
