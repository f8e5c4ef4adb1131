import { JsonWeight, jsonWeight, maxJsonWeight, MayflyError } from "@mayfly/protocol"
import type { BodyBudget } from "./body-budget.ts"

export interface BodyLimits {
  readonly maxBytes: number
  readonly budget: BodyBudget
  /** Who leaves half of the budget to others; null: nobody in particular. */
  readonly holder?: string | null
  /** How long it may take to arrive. */
  readonly timeoutMs: number
}

/** Counts memory that what is made of a body takes, until the body is disposed. Throws `worker.queue-full`. */
export type Hold = (bytes: number) => void

/** On their way to a program values stand in memory several times. It also keeps the heaviest bodies of one tenant from following each other at once. */
const bytesPerWeight = 64

/** A body as text. Whoever reads it disposes it. */
export interface TextBody extends Disposable {
  readonly value: string
}

/** Rejects with `server.too-large`, `worker.queue-full` or `input.invalid`. */
export async function readTextBody(request: Request, limits: BodyLimits): Promise<TextBody> {
  return readBody(request, limits, (text) => text)
}

/** A body as `parse` makes it, which may hold memory for that. Whoever reads it disposes it, when nothing of it is needed any longer. Rejects as `readTextBody` does. */
export async function readBody<T>(
  request: Request,
  limits: BodyLimits,
  parse: (text: string, hold: Hold) => T,
): Promise<Disposable & { readonly value: T }> {
  const held = new HeldBytes(limits)
  try {
    const text = decode(await within(limits.timeoutMs, readBytes(request, held)))
    return { value: parse(text, (bytes) => held.hold(bytes)), [Symbol.dispose]: () => held.giveBack() }
  } catch (error) {
    held.giveBack()
    throw error
  }
}

/** What a client sends byte by byte would hold its place for ever. */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const message = `the request body did not arrive within ${timeoutMs} ms`
  const timer = setTimeout(() => reject(new MayflyError("server.body-timeout", message)), timeoutMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    // When the other one won, it may still fail.
    work.catch(() => {})
  }
}

class HeldBytes {
  readonly #limits: BodyLimits
  #bytes = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  add(bytes: number): void {
    const { maxBytes } = this.#limits
    if (this.#bytes + bytes > maxBytes) {
      throw new MayflyError("server.too-large", `the request body is larger than ${maxBytes} bytes`, {
        details: { limit: maxBytes },
      })
    }
    this.hold(bytes)
  }

  hold(bytes: number): void {
    this.#limits.budget.take(bytes, this.#limits.holder)
    this.#bytes += bytes
  }

  giveBack(): void {
    this.#limits.budget.giveBack(this.#bytes, this.#limits.holder)
    this.#bytes = 0
  }
}

async function readBytes(request: Request, held: HeldBytes): Promise<Uint8Array> {
  const announced = request.headers.get("content-length")
  try {
    if (announced === null) return await readChunks(request, (bytes) => held.add(bytes))
    // The HTTP parser sees to it that no more comes than was announced.
    held.add(Number(announced))
    if (Number(announced) > maxJsonWeight) return await readChunks(request)
    return new Uint8Array(await request.arrayBuffer())
  } catch (error) {
    if (error instanceof MayflyError) throw error
    throw new MayflyError("input.invalid", "the request body ended early", { cause: error })
  }
}

/** Weighs what comes as JSON, which refuses the heaviest before it is there. */
async function readChunks(request: Request, onBytes: (bytes: number) => void = () => {}): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const weight = new JsonWeight()
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    onBytes(chunk.byteLength)
    // A byte per character: the signs that weigh something are one byte each in UTF-8, and part of no other character.
    weight.add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1"), maxJsonWeight)
    checkWeight(weight.value)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new MayflyError("input.invalid", "the request body is not UTF-8", { cause })
  }
}

/** Throws `input.invalid`, `server.too-large` for too many values, and what `hold` throws. */
export function parseJson(text: string, hold: Hold = () => {}): unknown {
  if (text.trim() === "") throw new MayflyError("input.invalid", "the request body is empty: send JSON")
  const weight = jsonWeight(text, maxJsonWeight)
  checkWeight(weight)
  hold(weight * bytesPerWeight)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new MayflyError("input.invalid", `the request body is not JSON: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function checkWeight(weight: number): void {
  if (weight <= maxJsonWeight) return
  throw new MayflyError(
    "server.too-large",
    `the request body has more than ${maxJsonWeight} values, where a list or an object counts for four more`,
    {
      details: { limit: maxJsonWeight },
      fix: 'Send large data as one text or as bytes, `{ "$bytes": "…base64…" }`, and take it apart in the program.',
    },
  )
}
