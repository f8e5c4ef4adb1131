import { Inflate } from "fflate/browser"

type Bytes = Uint8Array<ArrayBuffer>

/** fflate's own state. Private to it, and pinned by the tests: nothing public tells where the compressed data ends. */
interface InflateState {
  readonly p: Bytes
  readonly s: { readonly f?: number; readonly l?: unknown; readonly p?: number }
}

/** A DEFLATE stream that knows where it ends. */
export interface RawInflate {
  /** Throws a TypeError for corrupt data. Gives the input that lies behind the end, or null before the end. */
  push(chunk: Bytes): Bytes | null
}

export function createRawInflate(onOutput: (bytes: Bytes) => void): RawInflate {
  const inflate = new Inflate((output) => {
    if (output.length > 0) onOutput(output as Bytes)
  })
  return {
    push(chunk) {
      try {
        inflate.push(chunk)
      } catch (cause) {
        throw new TypeError("The compressed data is not valid", { cause })
      }
      return restOf(inflate as unknown as InflateState)
    },
  }
}

function restOf({ s: state, p: unread }: InflateState): Bytes | null {
  // `f` is set while the last block is read, and `l` (its code table) until that block has ended.
  if (!state.f || state.l) return null
  // The last byte may be used in part.
  return unread.subarray((state.p ?? 0) > 0 ? 1 : 0)
}
