import type { ParseResult } from "oxc-parser"
import { firstError, parse, parses, type SourceLanguage } from "./parse.ts"
import { resultInsertions } from "./body-result.ts"

/** A program made into module code. Offsets of `inserts` are in the author's text; `prefix` goes before it and `suffix` after. */
export interface ShapedSource {
  readonly shape: "module" | "expression" | "body"
  readonly language: SourceLanguage
  readonly prefix: string
  readonly suffix: string
  readonly inserts: readonly number[]
  /** The part of the author's text that is kept, for an expression with things around it. */
  readonly range?: readonly [start: number, end: number]
}

export const bodyPrefix = "export default async(input,env,ctx)=>{{"
export const expressionPrefix = "export default async(input,env,ctx)=>("

/** What `inserts` put in: makes the value of a statement the body's result. */
export const resultInsert = "return "

/** Larger bodies need an explicit `return`: their syntax tree would take gigabytes. */
const maxBodyForTree = 4 << 20

/** Which of the five shapes a program has; undefined when it parses as none of them. */
export function detectShape(code: string, languages: readonly SourceLanguage[]): ShapedSource | undefined {
  for (const language of languages) {
    const shaped = detectIn(code, language)
    if (shaped !== undefined) return shaped
  }
  return undefined
}

function detectIn(code: string, language: SourceLanguage): ShapedSource | undefined {
  const parsed = parse(code, language)
  if (firstError(parsed) === undefined) {
    if (isModule(parsed)) return { shape: "module", language, prefix: "", suffix: "", inserts: [] }
    return expression(code, language) ?? body(code, language, parsed)
  }
  return expression(code, language) ?? bodyWithReturn(code, language)
}

export function isModule(parsed: ParseResult): boolean {
  const { staticImports, staticExports } = parsed.module
  return staticImports.length > 0 || staticExports.length > 0 || parsed.program.body.some(isEmptyExport)
}

/** `export {}` marks a module, and lists nothing. */
function isEmptyExport(statement: { readonly type: string }): boolean {
  return statement.type === "ExportNamedDeclaration"
}

/** The whole text, without a closing semicolon, is one expression. Braces that could be a block or an object are an object. */
function expression(code: string, language: SourceLanguage): ShapedSource | undefined {
  const end = code.search(/[;\s]*$/)
  const text = code.slice(0, end)
  if (text.trim() === "" || !parses(`(${text}\n)`, language)) return undefined
  // `a) + (b` parses between parentheses but is no expression of its own.
  if (!parses(`[${text}\n]`, language)) return undefined
  return { shape: "expression", language, prefix: expressionPrefix, suffix: "\n)", inserts: [], range: [0, end] }
}

function body(code: string, language: SourceLanguage, parsed: ParseResult): ShapedSource | undefined {
  const inserts = code.length > maxBodyForTree ? [] : resultInsertions(parsed.program.body)
  return { shape: "body", language, prefix: bodyPrefix, suffix: "\n}}", inserts }
}

/** `return` at top level does not parse as a module, only inside the function that it will become. */
function bodyWithReturn(code: string, language: SourceLanguage): ShapedSource | undefined {
  const wrapped = parse(`${bodyPrefix}${code}\n}}`, language)
  if (firstError(wrapped) !== undefined) return undefined
  const inserts = code.length > maxBodyForTree ? [] : wrappedInsertions(wrapped)
  return { shape: "body", language, prefix: bodyPrefix, suffix: "\n}}", inserts }
}

function wrappedInsertions(wrapped: ParseResult): number[] {
  const statement = wrapped.program.body[0]
  if (statement?.type !== "ExportDefaultDeclaration" || statement.declaration.type !== "ArrowFunctionExpression")
    return []
  const outer = statement.declaration.body
  const block = outer?.type === "BlockStatement" ? outer.body[0] : undefined
  if (block?.type !== "BlockStatement") return []
  return resultInsertions(block.body).map((offset) => offset - bodyPrefix.length)
}
