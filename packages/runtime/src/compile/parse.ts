import { type OxcError, type ParseResult, parseSync } from "oxc-parser"

export type SourceLanguage = "js" | "ts"

let last: { readonly code: string; readonly language: SourceLanguage; readonly result: ParseResult } | undefined

/** Parses module code. Everything else (AST, imports) is read lazily from the result. The last result is kept: steps ask for the same text. */
export function parse(code: string, language: SourceLanguage): ParseResult {
  if (last?.code === code && last.language === language) return last.result
  const result = parseNow(code, language)
  last = { code, language, result }
  return result
}

function parseNow(code: string, language: SourceLanguage): ParseResult {
  return parseSync(`module.${language}`, code, { lang: language, sourceType: "module", preserveParens: true })
}

export function firstError(result: ParseResult): OxcError | undefined {
  return result.errors.find((error) => error.severity === "Error")
}

export function parses(code: string, language: SourceLanguage): boolean {
  return firstError(parse(code, language)) === undefined
}
