/**
 * A value graph as a flat list. Node 0 is the root; every child is the index of a node, so cycles and shared references
 * are free and neither side recurses. JSON scalars stand for themselves; everything else is a tagged tuple.
 */
export type CloneNode =
  | string
  | number
  | boolean
  | null
  | readonly ["u"]
  | readonly ["n", "NaN" | "Infinity" | "-Infinity" | "-0"]
  | readonly ["i", string]
  | readonly ["d", number | null]
  | readonly ["r", source: string, flags: string]
  | readonly ["a", length: number, ...items: number[]]
  /** An array with holes or named properties: its length, then key and value in turn. */
  | readonly ["A", length: number, ...entries: (string | number)[]]
  | readonly ["o", ...entries: (string | number)[]]
  | readonly ["m", ...entries: number[]]
  | readonly ["s", ...items: number[]]
  /** Base64, the bytes themselves, or the number of a buffer that travels beside the text. */
  | readonly ["b", bytes: string | ArrayBuffer | number]
  | readonly ["v", kind: string, buffer: number, byteOffset: number, length: number]
  | readonly ["e", name: string, message: string, stack: string, ...entries: (string | number)[]]
  | readonly ["p", primitive: number]
  | readonly ["f", stub: string]
