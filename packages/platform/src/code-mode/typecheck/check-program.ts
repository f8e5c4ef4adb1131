import type { TypeCheck, TypeCheckRequest } from "@mayfly/runtime"
import { linesAbove } from "../guest-modules.ts"
import { diagnose, moduleText, problemOf, typeError, type TypeProblem } from "./check-types.ts"
import { declareEnv } from "./declare-env.ts"
import { guestGlobals, programGlobals } from "./guest-globals.ts"
import type { Diagnostic } from "./parse-diagnostics.ts"
import { relevantDeclarations } from "./relevant-declarations.ts"

/** Names that are safe as paths below a folder. Others, and packages, are not checked. */
const checkable = /^(?!.*(?:^|\/)\.\.?(?:\/|$))(?!node_modules\/)[\w.@-]+(?:\/[\w.@-]+)*\.[cm]?[jt]s$/
/** The compiler has resolved every import; these say only that a module is not checked, or that it has no types. */
const aboutImports = new Set(["TS2306", "TS2307", "TS2691", "TS2792", "TS5097", "TS7016"])
const maxDeclared = 2_000

/** Checks a worker's modules against the declarations that were given with it, or else against what its `env` holds. */
export const checkProgram: TypeCheck = async (request) => {
  const { files, main, shape, declarations, env } = request
  const declared = declareEnv(env)
  const own = Object.entries(files).filter(([name]) => checkable.test(name))
  if (own.length === 0) return
  const sources = Object.fromEntries([
    ...own.map(([name, text]) => [name, name === main ? moduleText(text, shape) : text]),
    ["mayfly-globals.d.ts", guestGlobals + programGlobals],
    ["mayfly-env.d.ts", declarations === undefined ? declared.text : withEnv(declarations)],
  ])
  const found = (await diagnose(sources)).filter(
    ({ file, code }) => Object.hasOwn(files, file) && !aboutImports.has(code),
  )
  if (found.length === 0) return
  const problems = found.map((one) => placed(one, request))
  if (declarations !== undefined) throw typeError(problems, declarations.trim().slice(0, maxDeclared))
  const inMain = problems.filter(({ file }) => file === undefined || file === main)
  throw typeError(problems, relevantDeclarations(inMain, withoutEnv(files[main] ?? ""), declared.members))
}

/** Each line, and again without `env.`: members are known by the last two names of their path. */
function withoutEnv(text: string): string {
  return text.replaceAll(/^.*$/gm, (line) => `${line} ${line.replaceAll(/\benv\??\./g, "")}`)
}

function placed(found: Diagnostic, { main, shape, files }: TypeCheckRequest): TypeProblem {
  const problem = problemOf(found, found.file === main ? linesAbove[shape] : 0)
  return Object.keys(files).length === 1 ? problem : { ...problem, file: found.file }
}

/** Bodies and expressions have `env` in scope. */
function withEnv(declarations: string): string {
  if (/\b(?:const|let|var)\s+env\b/.test(declarations)) return declarations
  const hasEnv = /\b(?:interface|type|class)\s+Env\b/.test(declarations)
  return `${declarations}\ndeclare const env: ${hasEnv ? "Env" : "any"}\n${hasEnv ? "" : "type Env = any\n"}`
}
