import { bytesToBase64 } from "./bytes.ts"
import { CloneTooLargeError } from "./clone-error.ts"
import { encodePlain } from "./encode-plain.ts"
import { flatten, type FlattenOptions } from "./flatten.ts"
import type { CloneNode } from "./nodes.ts"

export interface EncodeOptions extends Omit<FlattenOptions, "areBytesApart"> {
  /** Takes the bytes of larger buffers, so that they travel beside the text: `decodeValue` needs the same list. The caller owns them. */
  readonly buffers?: ArrayBuffer[]
}

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { stringify } = JSON
const { isArray } = Array
const Bytes = Uint8Array
/** Fewer bytes are better off in the text. */
const leastApart = 1_024
/** Of a value with more buffers the rest stands in the text: each one has a price of its own on the way. */
const mostApart = 1_000

/**
 * Any structured-cloneable value as text: `j` and JSON when JSON is exact, else `t` and a flat list of nodes.
 * Throws CloneError naming the path of what can't be cloned, or CloneTooLargeError.
 */
export function encodeValue(value: unknown, options: EncodeOptions = {}): string {
  const { maxLength = Infinity, buffers } = options
  const encoded =
    encodePlain(value, maxLength) ??
    `t${writeNodes(flatten(value, { ...options, areBytesApart: buffers !== undefined }), buffers)}`
  if (encoded.length - 1 > maxLength) throw new CloneTooLargeError(maxLength, encoded.length - 1)
  return encoded
}

/** JSON of the nodes. Only strings and numbers are given to JSON.stringify, so that nothing of a program's is called. */
function writeNodes(nodes: readonly CloneNode[], buffers: ArrayBuffer[] | undefined): string {
  let text = "["
  for (let at = 0; at < nodes.length; at++) text += (at === 0 ? "" : ",") + writeNode(nodes[at] as CloneNode, buffers)
  return `${text}]`
}

function writeNode(node: CloneNode, buffers: ArrayBuffer[] | undefined): string {
  if (!isArray(node)) return stringify(node)
  const parts = node as readonly unknown[]
  if (parts[0] === "b") return writeBytes(new Bytes(parts[1] as ArrayBuffer), parts[1] as ArrayBuffer, buffers)
  let text = "["
  for (let at = 0; at < parts.length; at++) text += (at === 0 ? "" : ",") + stringify(parts[at])
  return `${text}]`
}

function writeBytes(bytes: Uint8Array, buffer: ArrayBuffer, buffers: ArrayBuffer[] | undefined): string {
  if (buffers === undefined || bytes.length < leastApart || buffers.length >= mostApart)
    return `["b","${bytesToBase64(bytes)}"]`
  buffers[buffers.length] = buffer
  return `["b",${buffers.length - 1}]`
}
