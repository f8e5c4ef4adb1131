import { MayflyError } from "@mayfly/protocol"
import type { Run, RunOptions } from "@mayfly/runtime"
import { authorError, authorText } from "./author-position.ts"
import type { CodeModeSettings } from "./code-mode-options.ts"
import { compileCode } from "./compile-code.ts"
import type { Declarations } from "./declarations.ts"
import type { Namespace } from "./namespace.ts"
import { checkTypes } from "./typecheck/check-types.ts"

export interface CodeRequest {
  readonly code: string
  readonly namespaces: readonly Namespace[]
  readonly settings: CodeModeSettings
  /** For the type check. */
  readonly declarations: Declarations
  readonly signal?: AbortSignal
}

/** What a finished run and code that never ran have in common. */
export type CodeRun = Pick<Run, "logs"> &
  (
    | { readonly ok: true; readonly run: Run & { readonly ok: true } }
    | { readonly ok: false; readonly error: MayflyError; readonly run?: Run }
  )

/** Compiles generated code, checks its types when asked, runs it once. Rejects for what the caller did, not for what the code did. */
export async function runCode(request: CodeRequest): Promise<CodeRun> {
  const { code, namespaces, settings, declarations, signal } = request
  if (typeof code !== "string")
    throw new MayflyError("input.invalid", "code must be a string", { details: { path: "code" } })
  try {
    const compiled = await compileCode(code, namespaces, settings)
    if (settings.typecheck) await checkTypes({ ...compiled, declarations, ...(signal && { signal }) })
    await using worker = compiled.worker
    const options: RunOptions = signal === undefined ? {} : { signal }
    const run = await worker.execute(undefined, options)
    const logs = run.logs.map((line) => ({ ...line, message: authorText(line.message, compiled.shape) }))
    if (run.ok) return { ok: true, run, logs }
    return { ok: false, error: authorError(run.error, compiled.shape), run, logs }
  } catch (error) {
    if (error instanceof MayflyError && isAuthorsFault(error)) return { ok: false, error, logs: [] }
    throw error
  }
}

function isAuthorsFault({ code }: MayflyError): boolean {
  return code.startsWith("worker.") && code !== "worker.not-serializable" && code !== "worker.queue-full"
}
