import { base64ToBytes } from "./bytes.ts"
import type { CloneNode } from "./nodes.ts"
import { unflatten, type UnflattenOptions } from "./unflatten.ts"

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { parse } = JSON
const { isArray } = Array
const MalformedError = TypeError
const { apply } = Reflect
const { isSafeInteger } = Number
const sliceText = String.prototype.slice

export interface DecodeOptions extends UnflattenOptions {
  /** What `encodeValue` put beside the text. The value takes them over, each once, and out of this list. */
  readonly buffers?: (ArrayBuffer | undefined)[]
}

/** The value of `encodeValue`'s text. The text may come from a hostile process: anything out of shape is an Error, never a crash. */
export function decodeValue(encoded: string, options: DecodeOptions = {}): unknown {
  const kind = encoded[0]
  const body: unknown = parse(apply(sliceText, encoded, [1]) as string)
  if (kind === "j") return body
  if (kind !== "t" || !isArray(body)) throw new MalformedError("malformed clone: unknown form")
  return unflatten(withBuffers(body as CloneNode[], options.buffers), options)
}

function withBuffers(nodes: CloneNode[], buffers: (ArrayBuffer | undefined)[] = []): CloneNode[] {
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at]
    if (typeof node !== "object" || node === null || node[0] !== "b") continue
    const bytes = typeof node[1] === "string" ? base64ToBytes(node[1]).buffer : take(buffers, node[1])
    nodes[at] = ["b", bytes]
  }
  return nodes
}

/** Each once: no buffer can come to stand in two values. */
function take(buffers: (ArrayBuffer | undefined)[], index: unknown): ArrayBuffer {
  const isIndex = isSafeInteger(index) && (index as number) >= 0 && (index as number) < buffers.length
  const buffer = isIndex ? buffers[index as number] : undefined
  if (buffer === undefined) throw new MalformedError("malformed clone: bytes")
  buffers[index as number] = undefined
  return buffer
}
