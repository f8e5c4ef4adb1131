import type { Request } from "./messages.ts"

const overheadBytes = 64
/** Deeper than this nothing is counted: arguments are our own, and flat. */
const maxDepth = 6

/** About how many bytes a request holds while it waits. */
export function weighRequest(request: Request): number {
  return overheadBytes + weigh(request, 0)
}

function weigh(value: unknown, depth: number): number {
  if (typeof value === "string") return value.length * 2
  if (typeof value !== "object" || value === null) return 8
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (depth === maxDepth) return overheadBytes
  let sum = 16
  for (const part of Array.isArray(value) ? value : Object.values(value)) sum += weigh(part, depth + 1)
  return sum
}
