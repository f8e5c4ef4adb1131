import { MayflyError } from "@mayfly/protocol"
import type { BodyBudget } from "./body-budget.ts"
import { maxJsonValues, ValueCount } from "./value-count.ts"

export interface BodyLimits {
  readonly maxBytes: number
  readonly budget: BodyBudget
  /** How long it may take to arrive. */
  readonly timeoutMs: number
  /** Whose body it is. Default: nobody's in particular. */
  readonly holder?: string | null
}

/** A body as text. Whoever reads it disposes it. */
export interface TextBody extends Disposable {
  readonly value: string
}

/** Rejects with `server.too-large`, `worker.queue-full` or `input.invalid`. */
export async function readTextBody(request: Request, limits: BodyLimits): Promise<TextBody> {
  return readBody(request, limits, (text) => text)
}

/** A body as `parse` makes it. Whoever reads it disposes it, when nothing of it is needed any longer. Rejects as `readTextBody` does. */
export async function readBody<T>(
  request: Request,
  limits: BodyLimits,
  parse: (text: string) => T,
): Promise<Disposable & { readonly value: T }> {
  const held = new HeldBytes(limits)
  try {
    const text = decode(await within(limits.timeoutMs, readBytes(request, held)))
    return { value: parse(text), [Symbol.dispose]: () => held.giveBack() }
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
    const { maxBytes, budget, holder = null } = this.#limits
    if (this.#bytes + bytes > maxBytes) {
      throw new MayflyError("server.too-large", `the request body is larger than ${maxBytes} bytes`, {
        details: { limit: maxBytes },
      })
    }
    budget.take(bytes, holder)
    this.#bytes += bytes
  }

  giveBack(): void {
    this.#limits.budget.giveBack(this.#bytes, this.#limits.holder ?? null)
    this.#bytes = 0
  }
}

async function readBytes(request: Request, held: HeldBytes): Promise<Uint8Array> {
  const announced = request.headers.get("content-length")
  const values = new ValueCount()
  try {
    if (announced === null) {
      return await readChunks(request, (chunk) => {
        held.add(chunk.byteLength)
        values.add(chunk)
      })
    }
    // The HTTP parser sees to it that no more comes than was announced.
    held.add(Number(announced))
    if (Number(announced) > maxJsonValues) return await readChunks(request, (chunk) => values.add(chunk))
    return new Uint8Array(await request.arrayBuffer())
  } catch (error) {
    if (error instanceof MayflyError) throw error
    throw new MayflyError("input.invalid", "the request body ended early", { cause: error })
  }
}

async function readChunks(request: Request, check: (chunk: Uint8Array) => void): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    check(chunk)
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

/** Throws `input.invalid`. */
export function parseJson(text: string): unknown {
  if (text.trim() === "") throw new MayflyError("input.invalid", "the request body is empty: send JSON")
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new MayflyError("input.invalid", `the request body is not JSON: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
