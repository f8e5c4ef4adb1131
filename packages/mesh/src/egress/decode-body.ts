import { pipeline, type Readable, Transform, type TransformCallback } from "node:stream"
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib"

/** The encodings to undo, the last applied first; none for encodings that we never asked for. */
export function decodersOf(encodings: string): readonly string[] {
  const names = encodings
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity")
  return names.length > maxLayers || !names.every((name) => known.has(name)) ? [] : names.toReversed()
}

/**
 * The body with its encodings undone, as it comes. No layer gives more than `maxBytes`, however small its input is: a few
 * kilobytes can unfold to gigabytes of which the next layer makes nothing again. Errors of `raw` are errors of the result.
 */
export async function decodeBody(raw: Readable, decoders: readonly string[], maxBytes: number): Promise<Readable> {
  let current = raw
  for (const name of decoders) {
    const decoder = name === "deflate" ? await inflateFor(current) : makers[name]?.()
    if (decoder === undefined) throw new Error("every name has been looked up before")
    // The callback is there because without one an error would be thrown at nobody; it reaches the reader as well.
    current = pipeline(current, decoder, new Meter(maxBytes), () => {})
  }
  return current
}

/** More bytes than were permitted. */
export class TooManyBytes extends Error {}

// A server may stack encodings; each layer may grow the body up to the limit, so their number is bounded too.
const maxLayers = 3

const makers: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  br: () => createBrotliDecompress(),
}
const known: ReadonlySet<string> = new Set([...Object.keys(makers), "deflate"])

/** "deflate" should have a zlib header (RFC 9110, 8.4.1.2); some servers leave it out. Its low nibble is 8. */
async function inflateFor(source: Readable): Promise<Transform> {
  const first = await firstByte(source)
  return (first & 15) === 8 ? createInflate() : createInflateRaw()
}

/** Waits for the first byte of a stream and leaves it there. */
async function firstByte(source: Readable): Promise<number> {
  for (;;) {
    const chunk = source.read() as Buffer | null
    if (chunk !== null) {
      source.unshift(chunk)
      return chunk[0] ?? 0
    }
    if (source.readableEnded || source.destroyed) return 0
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        source.off("readable", settle).off("end", settle).off("error", settle).off("close", settle)
        if (error instanceof Error) reject(error)
        else resolve()
      }
      source.on("readable", settle).on("end", settle).on("error", settle).on("close", settle)
    })
  }
}

/** Counts what passes, and fails with TooManyBytes when it is too much. */
export class Meter extends Transform {
  readonly #maxBytes: number
  readonly #onBytes: (count: number) => void
  #bytes = 0

  constructor(maxBytes: number, onBytes: (count: number) => void = () => {}) {
    super()
    this.#maxBytes = maxBytes
    this.#onBytes = onBytes
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#bytes += chunk.length
    this.#onBytes(chunk.length)
    if (this.#bytes > this.#maxBytes) done(new TooManyBytes())
    else done(null, chunk)
  }
}
