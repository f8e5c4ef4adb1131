const reserved = new Set(
  (
    "abstract arguments await boolean break byte case catch char class const continue debugger default delete do double else enum eval export " +
    "extends false final finally float for function goto if implements import in instanceof int interface let long native new null package private " +
    "protected public return short static super switch synchronized this throw throws transient true try typeof undefined var void volatile while " +
    "with yield"
  ).split(" "),
)

/** The identifier that a tool's name becomes in generated code. The rules, and so the names, are those of `@cloudflare/codemode`. */
export function sanitizeToolName(name: string): string {
  const identifier = name.replace(/[-.\s]/g, "_").replace(/[^\w$]/g, "")
  if (identifier === "") return "_"
  if (/^\d/.test(identifier)) return `_${identifier}`
  return reserved.has(identifier) ? `${identifier}_` : identifier
}

export function isReservedWord(name: string): boolean {
  return reserved.has(name)
}
