import { bytesToBase64 } from "./bytes.ts"
import { CloneTooLargeError } from "./clone-error.ts"
import { flatten, type FlattenOptions } from "./flatten.ts"
import type { CloneNode } from "./nodes.ts"
import { isPlainJson } from "./plain-json.ts"

export type EncodeOptions = FlattenOptions

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { stringify } = JSON
const Bytes = Uint8Array

/**
 * Any structured-cloneable value as text: `j` and JSON when JSON is exact, else `t` and a flat list of nodes.
 * Throws CloneError naming the path of what can't be cloned, or CloneTooLargeError.
 */
export function encodeValue(value: unknown, options: EncodeOptions = {}): string {
  const maxLength = options.maxLength ?? Infinity
  const encoded = encodePlain(value, maxLength) ?? `t${stringify(withText(flatten(value, options)))}`
  if (encoded.length - 1 > maxLength) throw new CloneTooLargeError(maxLength, encoded.length - 1)
  return encoded
}

function encodePlain(value: unknown, maxLength: number): string | undefined {
  try {
    return isPlainJson(value, maxLength) ? `j${stringify(value)}` : undefined
  } catch (error) {
    if (error instanceof CloneTooLargeError) throw error
    // A getter or proxy threw: the walk over nodes finds it again and names its path.
    return undefined
  }
}

function withText(nodes: CloneNode[]): CloneNode[] {
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at]
    if (typeof node !== "object" || node === null || node[0] !== "b") continue
    nodes[at] = ["b", bytesToBase64(new Bytes(node[1] as ArrayBuffer))]
  }
  return nodes
}
