import { MayflyError } from "@mayfly/protocol"
import { type CodeModeOptions, parseCodeModeOptions } from "./code-mode-options.ts"
import { declareNames } from "./declarations.ts"
import type { ExecuteOptions, ExecuteResult, Executor, ResolvedProvider, ToolFunction } from "./executor.ts"
import { executorError, logTexts } from "./failure-text.ts"
import { makeNamespaces } from "./namespace.ts"
import { runCode } from "./run-code.ts"

/**
 * An executor for `@cloudflare/codemode`: each call runs in a fresh isolate with its providers and connectors as globals. Throws `input.invalid`
 * for wrong options; `execute` never throws.
 */
export function createExecutor(options: CodeModeOptions = {}): Executor {
  const settings = parseCodeModeOptions(options)
  const run = async (
    code: string,
    given: ResolvedProvider[] | Record<string, ToolFunction>,
    { connectors = [] }: ExecuteOptions,
  ): Promise<ExecuteResult> => {
    const providers = Array.isArray(given) ? given : [{ name: "codemode", fns: given }]
    const namespaces = makeNamespaces(providers, connectors)
    const ran = await runCode({ code, namespaces, settings, declarations: declareNames(namespaces) })
    const logs = logTexts(ran.logs)
    return ran.ok ? { result: ran.run.result, logs } : { result: undefined, error: executorError(ran.error), logs }
  }
  return {
    async execute(code, providersOrFns, executeOptions = {}) {
      try {
        return await run(code, providersOrFns, executeOptions)
      } catch (error) {
        return { result: undefined, error: textOf(error) }
      }
    },
  }
}

/** What is wrong with names reads as in `@cloudflare/codemode`; other failures bring their code. */
function textOf(error: unknown): string {
  if (!(error instanceof MayflyError)) return error instanceof Error ? error.message : String(error)
  return error.code === "input.invalid" ? error.message : executorError(error)
}
