import { base64ToBytes } from "./bytes.ts"
import type { CloneNode } from "./nodes.ts"
import { unflatten, type UnflattenOptions } from "./unflatten.ts"

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { parse } = JSON
const { isArray } = Array
const MalformedError = TypeError
const { apply } = Reflect
const sliceText = String.prototype.slice

/** The value of `encodeValue`'s text. The text may come from a hostile process: anything out of shape is an Error, never a crash. */
export function decodeValue(encoded: string, options: UnflattenOptions = {}): unknown {
  const kind = encoded[0]
  const body: unknown = parse(apply(sliceText, encoded, [1]) as string)
  if (kind === "j") return body
  if (kind !== "t" || !isArray(body)) throw new MalformedError("malformed clone: unknown form")
  return unflatten(withBuffers(body as CloneNode[]), options)
}

function withBuffers(nodes: CloneNode[]): CloneNode[] {
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at]
    if (typeof node !== "object" || node === null || node[0] !== "b") continue
    if (typeof node[1] !== "string") throw new MalformedError("malformed clone: bytes")
    nodes[at] = ["b", base64ToBytes(node[1]).buffer]
  }
  return nodes
}
