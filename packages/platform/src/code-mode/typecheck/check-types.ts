import { MayflyError } from "@mayfly/protocol"
import type { Language } from "../compile-code.ts"
import type { Declarations } from "../declarations.ts"
import { type CodeShape, expressionText, linesAbove } from "../guest-modules.ts"
import { guestGlobals } from "./guest-globals.ts"
import { Limiter } from "./limiter.ts"
import { type Diagnostic, parseDiagnostics } from "./parse-diagnostics.ts"
import { relevantDeclarations } from "./relevant-declarations.ts"
import { runTsc, type Sources, type TscOutcome } from "./run-tsc.ts"

export interface CheckRequest {
  readonly text: string
  readonly shape: CodeShape
  readonly language: Language
  /** Of what the code may call. */
  readonly declarations: Declarations
  readonly signal?: AbortSignal
}

/** One type error, in the author's positions. */
export interface TypeProblem {
  /** Of a program of several modules. */
  readonly file?: string
  readonly line: number
  readonly column: number
  readonly code: string
  readonly message: string
}

const timeoutMs = 10_000
const maxProblems = 10
const limiter = new Limiter(2, 100)

/** Rejects with `worker.typecheck` when the code does not fit the declarations, or can't be checked in reasonable time and memory. */
export async function checkTypes(request: CheckRequest): Promise<void> {
  const { text, shape, declarations, signal } = request
  const file = request.language === "typescript" ? "code.ts" : "code.js"
  const sources = { [file]: moduleText(text, shape), "tools.d.ts": declarations.text, "globals.d.ts": guestGlobals }
  const found = await diagnose(sources, signal)
  const problems = found.filter((one) => one.file === file).map((one) => problemOf(one, linesAbove[shape]))
  // Errors in the declarations alone are not the author's.
  if (problems.length > 0) throw typeError(problems, relevantDeclarations(problems, text, declarations.members))
}

/** What the compiler finds in files that are checked together. Rejects with `worker.typecheck` when it can't be told. */
export async function diagnose(sources: Sources, signal?: AbortSignal): Promise<readonly Diagnostic[]> {
  const outcome = await limiter.use(() => tsc(sources, signal))
  if (outcome.kind !== "checked") throw new MayflyError("worker.typecheck", unfinished(outcome))
  return outcome.isClean ? [] : parseDiagnostics(outcome.output)
}

/** One line of ours goes above the author's, as when it runs. */
export function moduleText(text: string, shape: CodeShape): string {
  if (shape === "module") return text
  return shape === "body" ? `export default async () => {\n${text}\n}` : `export default (\n${expressionText(text)}\n)`
}

async function tsc(sources: Sources, signal: AbortSignal | undefined): Promise<TscOutcome> {
  try {
    return await runTsc(sources, { timeoutMs, ...(signal && { signal }) })
  } catch (error) {
    if (signal?.aborted === true)
      throw new MayflyError("worker.aborted", "the run was cancelled before it began", { cause: error })
    throw error
  }
}

/** `offset`: lines of ours above the author's. */
export function problemOf({ line, column, code, message }: Diagnostic, offset: number): TypeProblem {
  // The compiler's advice is for people with a terminal.
  const words = message.replace(/ Do you need to (?:install|change) [\s\S]*$/, " It does not exist in the sandbox.")
  return { line: Math.max(1, line - offset), column, code, message: words }
}

/** `relevant`: declarations that show what was meant. */
export function typeError(all: readonly TypeProblem[], relevant: string): MayflyError {
  const problems = all.slice(0, maxProblems)
  const lines = problems.map(
    ({ file, line, column, message }) => `${file === undefined ? "" : `${file}:`}${line}:${column} ${message}`,
  )
  const more = all.length > problems.length ? `\n… and ${all.length - problems.length} more` : ""
  const declared = relevant === "" ? "" : `\n\nWhat is declared:\n${relevant}`
  const count = all.length === 1 ? "1 type error" : `${all.length} type errors`
  const message = `the code was not run: it has ${count}\n${lines.join("\n")}${more}${declared}`
  return new MayflyError("worker.typecheck", message, { details: { problems, count: all.length } })
}

function unfinished({ kind }: Exclude<TscOutcome, { kind: "checked" }>): string {
  if (kind === "too-long")
    return `the code was not run: checking its types took more than ${timeoutMs / 1_000} s; use simpler types`
  if (kind === "too-much-output") return "the code was not run: it has more type errors than can be told"
  return "the code was not run: checking its types took more memory than allowed; use simpler types"
}
