import { promisify } from "node:util"
import { brotliDecompress, gunzip, inflate, inflateRaw } from "node:zlib"

export type DecodedBody =
  | { readonly status: "decoded"; readonly body: Uint8Array }
  /** Nothing to decode, or an encoding that we never ask for: the guest gets bytes and header as they came. */
  | { readonly status: "untouched" }
  | { readonly status: "too-large" }
  | { readonly status: "corrupt"; readonly cause: unknown }

/** Undoes the content encodings of a body. No more than `maxBytes` are ever produced, however small the input is. */
export async function decodeBody(body: Uint8Array, encodings: string, maxBytes: number): Promise<DecodedBody> {
  const names = encodings
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity")
  if (names.length === 0 || body.length === 0) return { status: "untouched" }
  if (names.length > maxLayers || !names.every((name) => decoders.has(name))) return { status: "untouched" }
  let current = body
  for (const name of names.toReversed()) {
    try {
      current = await (decoders.get(name) ?? unreachable)(current, { maxOutputLength: Math.max(maxBytes, 1) })
    } catch (cause) {
      const isTooLarge = cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE"
      return isTooLarge ? { status: "too-large" } : { status: "corrupt", cause }
    }
  }
  return current.length > maxBytes ? { status: "too-large" } : { status: "decoded", body: current }
}

type Decoder = (input: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>

// A server may stack encodings; each layer may grow the body up to the limit, so their number is bounded too.
const maxLayers = 3

const gunzipAsync: Decoder = promisify(gunzip)
const inflateAsync: Decoder = promisify(inflate)
const inflateRawAsync: Decoder = promisify(inflateRaw)

const decoders: ReadonlyMap<string, Decoder> = new Map([
  ["gzip", gunzipAsync],
  ["x-gzip", gunzipAsync],
  ["br", promisify(brotliDecompress) as Decoder],
  // "deflate" should have a zlib header (RFC 9110, 8.4.1.2); some servers leave it out. Its low nibble is 8.
  ["deflate", (input, options) => (((input[0] ?? 0) & 15) === 8 ? inflateAsync : inflateRawAsync)(input, options)],
])

function unreachable(): never {
  throw new Error("every name has been looked up before")
}
