/** A value that lies in a blob: `b` and the hash. Encoded values begin with `j` or `t`. */
export function isReference(value: string): boolean {
  return value.startsWith("b")
}

export function referenceTo(hash: string): string {
  return `b${hash}`
}

export function hashOf(reference: string): string {
  return reference.slice(1)
}
