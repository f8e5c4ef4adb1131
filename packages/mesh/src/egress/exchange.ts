import { Readable } from "node:stream"
import { type EgressContext, MayflyError } from "@mayfly/protocol"
import type { Dispatcher } from "undici"
import type { Lease } from "../dial/connection-pool.ts"
import { answerBody, type BodyEnd } from "./answer-body.ts"
import type { Cleared, EgressTools } from "./clear.ts"
import { decodersOf } from "./decode-body.ts"
import type { Hop } from "./next-hop.ts"
import { redactedBody, redactedHeaders } from "./redacted.ts"
import { incomingHeaders } from "./request-headers.ts"
import { sentBody } from "./sent-body.ts"
import { unreachableError } from "./unreachable-error.ts"

/** The head of an answer. Whoever got it takes the body or skips it. */
export interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [string, string])[]
  readonly location: string | null
  /** The body as a stream, null when there is none. The row of the ledger ends with it. */
  body(): ReadableStream<Uint8Array> | null
  /** For an answer whose body is of no use. */
  skip(): Promise<void>
}

/** Sends a request that was cleared, and gives the head of its answer. Rejects with a MayflyError or the signal's reason. */
export async function exchange(hop: Hop, cleared: Cleared, parts: ExchangeParts): Promise<Answer> {
  return new Exchange(hop, cleared, parts).run()
}

export interface ExchangeParts {
  readonly context: EgressContext
  readonly tools: EgressTools
}

const traceHeaders: ReadonlySet<string> = new Set(["traceparent", "tracestate"])

type ResponseData = Dispatcher.ResponseData

class Exchange {
  readonly #hop: Hop
  readonly #cleared: Cleared
  readonly #parts: ExchangeParts
  #lease: Lease | undefined
  #sendError: unknown

  constructor(hop: Hop, cleared: Cleared, parts: ExchangeParts) {
    this.#hop = hop
    this.#cleared = cleared
    this.#parts = parts
  }

  async run(): Promise<Answer> {
    let answer: ResponseData
    try {
      answer = await this.#request(false)
    } catch (first) {
      if (!this.#mayTryAgain(first)) throw this.#failed(first)
      this.#lease?.release(false)
      try {
        answer = await this.#request(true)
      } catch (second) {
        throw this.#failed(second)
      }
    }
    return this.#answered(answer)
  }

  #request(isFresh: boolean): Promise<ResponseData> {
    const { target, pathAndQuery, headers, addresses, policyHash } = this.#cleared
    const { context, tools } = this.#parts
    const key = { tenant: context.tenant, policyHash, target, addresses }
    this.#lease = tools.pool.lease(key, { isFresh })
    return this.#lease.client.request({
      path: pathAndQuery,
      // undici's list of methods is shorter than what HTTP permits.
      method: this.#hop.method as "GET",
      headers: [...this.#traced(headers).flat(), ...this.#length()],
      body: this.#body(),
      signal: context.signal,
    })
  }

  /** The guest's own is not what it is part of here. */
  #traced(headers: Cleared["headers"]): Cleared["headers"] {
    const { entry, target } = this.#cleared
    const traceparent = entry.span?.outgoing(target.origin)
    if (traceparent === undefined) return headers
    const others = headers.filter(([name]) => !traceHeaders.has(name.toLowerCase()))
    return [...others, ["traceparent", traceparent]]
  }

  /** undici fails a stream that turns out to have another length, so it cannot run into what is sent next. */
  #length(): readonly string[] {
    const { body, length } = this.#hop
    return body instanceof ReadableStream && length !== null ? ["content-length", String(length)] : []
  }

  #body(): Uint8Array | Readable | null {
    const { body } = this.#hop
    const { entry, target, maxRequestBytes } = this.#cleared
    if (!(body instanceof ReadableStream)) return body
    const { signal } = this.#parts.context
    const onBytes = (count: number): void => entry.addBytes("bytesOut", count)
    const sent = sentBody(body, { origin: target.origin, maxBytes: maxRequestBytes, signal, onBytes })
    return Readable.from(this.#watched(sent), { objectMode: false })
  }

  /** Remembers what went wrong with our side of the exchange: undici tells it as a broken connection. */
  async *#watched(sent: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* sent
    } catch (error) {
      this.#sendError = error
      throw error
    }
  }

  /** A server may close an idle connection just when it is used again. What was asked without effect can be asked anew. */
  #mayTryAgain(error: unknown): boolean {
    const { context } = this.#parts
    if (this.#lease?.isReused !== true || context.signal.aborted || this.#hop.body !== null) return false
    return ["GET", "HEAD", "OPTIONS"].includes(this.#hop.method) && lostConnection.has(codeOf(error))
  }

  #answered(answer: ResponseData): Answer {
    const { entry, redactor } = this.#cleared
    const { statusCode: status, statusText, headers, body: raw } = answer
    entry.set({ status, address: this.#lease?.address ?? null })
    this.#countSent()
    const hasBody = this.#hop.method !== "HEAD" && !bodyless.has(status) && headers["content-length"] !== "0"
    const decoders = hasBody ? decodersOf([headers["content-encoding"] ?? ""].flat().join(",")) : []
    raw.on("error", () => {})
    const given = redactedHeaders(incomingHeaders(headers, { decoded: decoders.length > 0 }), redactor)
    return {
      status,
      statusText: isReason.test(statusText) ? redactor.text(statusText) : "",
      headers: given,
      location: given.find(([name]) => name === "location")?.[1] ?? null,
      body: () => (hasBody ? this.#stream(answer, decoders) : this.#finish(answer)),
      skip: async () => {
        // A body that is there with its head leaves the connection usable; nobody waits for another one.
        await Promise.race([raw.dump({ limit: maxSkippedBytes }).catch(() => {}), nextTurn()])
        const isRead = raw.readableEnded
        if (!isRead) raw.destroy()
        this.#end(isRead)
      },
    }
  }

  #stream({ headers, body: raw }: ResponseData, decoders: readonly string[]): ReadableStream<Uint8Array> {
    const { entry, maxResponseBytes: maxBytes } = this.#cleared
    const { signal } = this.#parts.context
    const declared = Number([headers["content-length"] ?? 0].flat()[0])
    // Known before a byte is read; an answer that says nothing, or lies, is counted.
    if (declared > maxBytes) {
      raw.destroy()
      throw this.#bodyOver({ status: "too-large" })
    }
    const body = answerBody(raw, {
      decoders,
      maxBytes,
      signal,
      onBytes: (count) => entry.addBytes("bytesIn", count),
      onEnd: (end) => this.#bodyOver(end),
    })
    return redactedBody(body, this.#cleared.redactor)
  }

  #finish({ body: raw }: ResponseData): null {
    raw.once("end", () => this.#lease?.release(true))
    raw.once("close", () => this.#lease?.release(false))
    raw.resume()
    this.#cleared.entry.end()
    return null
  }

  #bodyOver(end: BodyEnd): unknown {
    const { entry, target, maxResponseBytes } = this.#cleared
    this.#lease?.release(end.status === "complete")
    switch (end.status) {
      case "complete":
        return entry.end()
      case "cancelled":
        return entry.end({ reason: "cancelled" })
      case "aborted":
        entry.end({ reason: "aborted" })
        return this.#parts.context.signal.reason
      case "too-large": {
        entry.end({ reason: "response-too-large" })
        const message = `The response of "${target.origin}" is larger than ${maxResponseBytes} bytes`
        const details = { origin: target.origin, maxBytes: maxResponseBytes }
        return new MayflyError("mesh.response-too-large", message, { details })
      }
      case "failed":
        return this.#failed(end.cause)
    }
  }

  #end(isReusable: boolean): void {
    this.#lease?.release(isReusable)
    this.#cleared.entry.end()
  }

  #failed(cause: unknown): unknown {
    const { entry, target } = this.#cleared
    const { signal } = this.#parts.context
    const address = this.#lease?.address ?? null
    this.#lease?.release(false)
    entry.set({ address })
    if (address !== null) this.#countSent()
    // The run knows best why it gave up, for instance because of its time limit.
    if (signal.aborted) {
      entry.end({ reason: "aborted" })
      return signal.reason
    }
    const ours = this.#sendError ?? cause
    if (ours instanceof MayflyError) {
      entry.end({ reason: ours.code.replace(/^mesh\./, "") })
      return ours
    }
    entry.end({ reason: this.#sendError === undefined ? "unreachable" : "body-failed" })
    // What a guest's stream failed with is the guest's own business.
    if (this.#sendError !== undefined) return this.#sendError
    return unreachableError(cause, { method: this.#hop.method, origin: target.origin, wasConnected: address !== null })
  }

  #hasCounted = false

  /** A body that does not stream counts once a connection stood; before that nothing of it can have left. */
  #countSent(): void {
    const { body } = this.#hop
    if (this.#hasCounted || !(body instanceof Uint8Array)) return
    this.#hasCounted = true
    this.#cleared.entry.addBytes("bytesOut", body.length)
  }
}

/** RFC 9112, 4; what is longer is no phrase for a person. */
const isReason = /^[\t\x20-\x7e\x80-\xff]{0,256}$/
const maxSkippedBytes = 128 * 1024
const bodyless = new Set([101, 204, 205, 304])
const lostConnection: ReadonlySet<unknown> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"])

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined
}
