import { type ErrorCode, MayflyError } from "@mayfly/protocol"
import type { ProgramPlan } from "../compile/plan-program.ts"
import type { CompileFailure, ModulePositions } from "../compile/program.ts"

// The compiler parses hostile text with native code: what it says is checked like a guest's words.

const codes: readonly unknown[] = [
  "worker.syntax",
  "worker.module-not-found",
  "worker.no-entrypoint",
  "input.invalid",
] satisfies ErrorCode[]
const broken = (): MayflyError => new MayflyError("platform.no-host", "the compiler gave an answer that makes no sense")

/** The coded error for a failed compilation. Never throws. */
export function compileError(text: string | undefined): MayflyError {
  const failure = parseFailure(text)
  if (failure === undefined) return broken()
  const { code, message, ...details } = failure
  const name = code === "worker.syntax" ? { name: "SyntaxError" } : {}
  return new MayflyError(code, describe(failure), { details: { ...name, message, ...details } })
}

function parseFailure(text: string | undefined): CompileFailure | undefined {
  const value = parse(text) as Partial<CompileFailure> | null | undefined
  if (typeof value !== "object" || value === null) return undefined
  const { code, message, file, line, column, sourceLine } = value
  const isValid =
    codes.includes(code) &&
    typeof message === "string" &&
    [file, sourceLine].every((field) => field === undefined || typeof field === "string") &&
    [line, column].every((field) => field === undefined || isPosition(field))
  return isValid ? (value as CompileFailure) : undefined
}

/** Throws `platform.no-host` for positions out of shape. */
export function parsePositions(text: string): ModulePositions[] {
  const value = parse(text)
  if (!Array.isArray(value) || !value.every(isPositions)) throw broken()
  return value
}

/** Throws `platform.no-host` for a plan out of shape. */
export function parsePlan(text: string): ProgramPlan {
  const value = parse(text) as Partial<ProgramPlan> | null | undefined
  if (typeof value !== "object" || value === null) throw broken()
  const { shape, hasComputedRequests, origins, bindings, builtins, modules } = value
  const isValid =
    (shape === "module" || shape === "expression" || shape === "body") &&
    typeof hasComputedRequests === "boolean" &&
    [origins, bindings, builtins, modules].every(isTexts)
  if (!isValid) throw broken()
  return value as ProgramPlan
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string")
}

function isPositions(value: unknown): value is ModulePositions {
  if (typeof value !== "object" || value === null) return false
  const { name, lines, insertions, map, source } = value as Partial<ModulePositions>
  return (
    typeof name === "string" &&
    typeof lines === "number" &&
    Array.isArray(insertions) &&
    insertions.every((one: Partial<ModulePositions["insertions"][number]> | null) =>
      [one?.line, one?.column, one?.length].every(isPosition),
    ) &&
    [map, source].every((field) => field === undefined || typeof field === "string")
  )
}

function isPosition(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value < 2 ** 31
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "")
  } catch {
    return undefined
  }
}

/** Message, place, source line and caret, as compilers print them. */
function describe(failure: CompileFailure): string {
  const { code, message, file, line, column, sourceLine } = failure
  const title = code === "worker.syntax" ? `SyntaxError: ${message}` : message
  if (file === undefined || line === undefined || column === undefined) return title
  const place = `${title}\n    at ${file}:${line}:${column}`
  if (sourceLine === undefined) return place
  const gutter = `${line} | `
  return `${place}\n${gutter}${sourceLine}\n${" ".repeat(gutter.length + column - 1)}^`
}
