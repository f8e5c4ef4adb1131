// Every repetition has a bound: the text is hostile, and two unbounded ones side by side take time that grows with its square.
const relativeImport =
  /\b(?:from|import|require)\s{0,40}\(?\s{0,40}(?:\/\*[^*]{0,200}\*\/\s{0,40})?(["'`])(\.{1,2}(?:\/[^"'`\n]{0,500})?)\1/g

/**
 * Relative specifiers that a program's text seems to import. Found by pattern: guest text is never parsed in this process. Too many do no harm,
 * and one that is missed is `worker.module-not-found`.
 */
export function importSpecifiers(text: string): string[] {
  return [...new Set([...text.matchAll(relativeImport)].map((match) => match[2] ?? ""))]
}

export function hasRelativeImport(text: string): boolean {
  return importSpecifiers(text).length > 0
}
