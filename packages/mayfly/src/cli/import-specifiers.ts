const relativeImport = /\b(?:from|import|require)\s*\(?\s*(?:\/\*[^*]*\*\/\s*)?(["'`])(\.{1,2}(?:\/[^"'`\n]*)?)\1/g

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
