import { bytesToBase64 } from "./bytes.ts"
import { CloneTooLargeError } from "./clone-error.ts"
import { encodePlain } from "./encode-plain.ts"
import { flatten, type FlattenOptions } from "./flatten.ts"
import type { CloneNode } from "./nodes.ts"

export type EncodeOptions = FlattenOptions

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { stringify } = JSON
const { isArray } = Array
const Bytes = Uint8Array

/**
 * Any structured-cloneable value as text: `j` and JSON when JSON is exact, else `t` and a flat list of nodes.
 * Throws CloneError naming the path of what can't be cloned, or CloneTooLargeError.
 */
export function encodeValue(value: unknown, options: EncodeOptions = {}): string {
  const maxLength = options.maxLength ?? Infinity
  const encoded = encodePlain(value, maxLength) ?? `t${writeNodes(flatten(value, options))}`
  if (encoded.length - 1 > maxLength) throw new CloneTooLargeError(maxLength, encoded.length - 1)
  return encoded
}

/** JSON of the nodes. Only strings and numbers are given to JSON.stringify, so that nothing of a program's is called. */
function writeNodes(nodes: readonly CloneNode[]): string {
  let text = "["
  for (let at = 0; at < nodes.length; at++) text += (at === 0 ? "" : ",") + writeNode(nodes[at] as CloneNode)
  return `${text}]`
}

function writeNode(node: CloneNode): string {
  if (!isArray(node)) return stringify(node)
  const parts = node as readonly unknown[]
  if (parts[0] === "b") return `["b","${bytesToBase64(new Bytes(parts[1] as ArrayBuffer))}"]`
  let text = "["
  for (let at = 0; at < parts.length; at++) text += (at === 0 ? "" : ",") + stringify(parts[at])
  return `${text}]`
}
