import { mapPosition } from "../positions/map-position.ts"
import { CompileError } from "./compile-error.ts"
import { bodyPrefix, detectShape, expressionPrefix, isModule, type ShapedSource } from "./detect-shape.ts"
import { firstError, parse, type SourceLanguage } from "./parse.ts"
import type { CompileFailure, ModulePositions } from "./program.ts"
import { rewriteImports, type Rewritten } from "./rewrite-imports.ts"
import { shapeSource } from "./shape-source.ts"
import { syntaxProblem } from "./syntax-check.ts"
import { transformTypescript } from "./transform-typescript.ts"

/** One module's code, ready for V8, with its import specifiers. */
export interface ReadyModule extends Rewritten {
  readonly shape: ShapedSource["shape"]
  readonly specifiers: readonly string[]
  readonly positions: ModulePositions
}

export interface ModuleInput {
  readonly name: string
  readonly source: string
  readonly languages: readonly SourceLanguage[]
  /** Only the main module may have another shape than a module. */
  readonly isMain: boolean
  readonly index: number
  /** Code behind the author's last line. */
  readonly epilogue?: string
}

const maxKeptSource = 1 << 20

/** Throws CompileError for code that V8 would refuse. */
export function compileModule(input: ModuleInput): ReadyModule {
  const shaped = shapeOf(input)
  if (shaped === undefined) throw new CompileError(failureOfUnparsable(input))
  return ready(input, shaped)
}

function shapeOf(input: ModuleInput): ShapedSource | undefined {
  if (input.isMain) return detectShape(input.source, input.languages)
  const language = input.languages.find((candidate) => firstError(parse(input.source, candidate)) === undefined)
  return language === undefined ? undefined : plainModule(language)
}

function plainModule(language: SourceLanguage): ShapedSource {
  return { shape: "module", language, prefix: "", suffix: "", inserts: [] }
}

function ready(input: ModuleInput, shaped: ShapedSource): ReadyModule {
  const text = shapeSource(input.source, shaped)
  const rewritten = rewriteImports(text.code, parse(text.code, shaped.language), input.index)
  const transformed = shaped.language === "ts" ? transformTypescript(input.name, rewritten.code) : undefined
  const positions: ModulePositions = {
    name: input.name,
    insertions: text.insertions,
    ...(transformed === undefined ? {} : { map: transformed.map }),
    lines: countLines(transformed?.code ?? rewritten.code),
    ...(input.source.length > maxKeptSource ? {} : { source: input.source }),
  }
  if (transformed?.error !== undefined)
    throw new CompileError({ code: "worker.syntax", message: transformed.error, file: input.name })
  const code = transformed?.code ?? rewritten.code
  checkSyntax(input, code, positions)
  const final = parse(code, "js")
  return {
    ...rewritten,
    code: input.epilogue === undefined ? code : `${code}\n${input.epilogue}`,
    shape: shaped.shape,
    specifiers: [...final.module.staticImports, ...final.module.staticExports.flatMap((found) => found.entries)]
      .map((found) => found.moduleRequest?.value)
      .filter((value) => value !== undefined),
    positions,
  }
}

function countLines(code: string): number {
  let lines = 1
  for (let at = code.indexOf("\n"); at !== -1; at = code.indexOf("\n", at + 1)) lines++
  return lines
}

/** Throws CompileError with V8's words, at the author's position, for code that V8 refuses. */
export function checkSyntax(
  input: Pick<ModuleInput, "name" | "source">,
  code: string,
  positions: ModulePositions,
): void {
  const problem = syntaxProblem(input.name, code)
  if (problem === undefined) return
  if (problem.line === undefined || problem.column === undefined) {
    throw new CompileError({ code: "worker.syntax", message: problem.message, file: input.name })
  }
  const { line, column } = mapPosition(positions, { line: problem.line, column: problem.column })
  throw new CompileError(syntaxFailure(input, problem.message, line, column))
}

function syntaxFailure(
  input: Pick<ModuleInput, "name" | "source">,
  message: string,
  line: number,
  column: number,
): CompileFailure {
  const sourceLine = input.source.split("\n", line)[line - 1]?.slice(0, 500)
  return {
    code: "worker.syntax",
    message,
    file: input.name,
    line,
    column,
    ...(sourceLine === undefined ? {} : { sourceLine }),
  }
}

/** The parser refused it in every shape. JavaScript gets V8's words for the likeliest shape; TypeScript the parser's. */
function failureOfUnparsable(input: ModuleInput): CompileFailure {
  const language = likelyLanguage(input)
  if (language === "js") {
    try {
      ready(input, guessShape(input, language))
    } catch (error) {
      if (error instanceof CompileError && error.failure.line !== undefined) return error.failure
    }
  }
  const problem = firstError(parse(input.source, language))
  const offset = problem?.labels[0]?.start ?? 0
  const before = input.source.slice(0, offset).split("\n")
  return syntaxFailure(
    input,
    problem?.message ?? "the program can't be parsed",
    before.length,
    (before.at(-1) ?? "").length + 1,
  )
}

function likelyLanguage(input: ModuleInput): SourceLanguage {
  if (input.languages.length === 1) return input.languages[0] as SourceLanguage
  const reach = (language: SourceLanguage): number =>
    firstError(parse(input.source, language))?.labels[0]?.start ?? Number.MAX_SAFE_INTEGER
  return reach("ts") > reach("js") &&
    /\binterface\s+\w|\btype\s+\w+\s*=|:\s*(?:string|number|boolean)\b/.test(input.source)
    ? "ts"
    : "js"
}

function guessShape(input: ModuleInput, language: SourceLanguage): ShapedSource {
  const { source } = input
  if (!input.isMain || /^\s*(?:import|export)\b/m.test(source) || isModule(parse(source, language)))
    return plainModule(language)
  if (/^\s*(?:async\b|function\b|\()/.test(source)) {
    const end = source.search(/[;\s]*$/)
    return { shape: "expression", language, prefix: expressionPrefix, suffix: "\n)", inserts: [], range: [0, end] }
  }
  return { shape: "body", language, prefix: bodyPrefix, suffix: "\n}}", inserts: [] }
}
