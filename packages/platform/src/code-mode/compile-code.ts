import { MayflyError } from "@mayfly/protocol"
import { DynamicWorker, type DynamicWorkerOptions } from "@mayfly/runtime"
import { defaultPlatform } from "../platform.ts"
import type { CodeModeSettings } from "./code-mode-options.ts"
import { authorError } from "./author-position.ts"
import { type CodeShape, guestModules } from "./guest-modules.ts"
import type { Namespace } from "./namespace.ts"
import { programTexts } from "./program-texts.ts"

/** Generated code that was compiled, and how it was understood. */
export interface CompiledCode {
  readonly worker: DynamicWorker
  /** What the author wrote, without a fence around it. */
  readonly text: string
  readonly shape: CodeShape
  readonly language: Language
}

export type Language = "auto" | "javascript" | "typescript"

interface Attempt {
  readonly text: string
  readonly shape: CodeShape
  readonly language: Language
}

/**
 * Code comes as a function, a body or a module, in a fence or not. Only the compile process may parse it, so that it is tried in each of these
 * shapes, the likeliest first. Rejects with the error of the attempt that got furthest, in the author's positions.
 */
export async function compileCode(
  code: string,
  namespaces: readonly Namespace[],
  settings: CodeModeSettings,
): Promise<CompiledCode> {
  const errors: MayflyError[] = []
  for (const attempt of attempts(code, settings.typecheck)) {
    try {
      return { ...attempt, worker: await createWorker(attempt, namespaces, settings) }
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== "worker.syntax") throw error
      errors.push(authorError(error, attempt.shape))
    }
  }
  throw errors.reduce((best, error) => (reach(error) > reach(best) ? error : best))
}

/** The type check has to know the language; otherwise the compiler finds it out by itself. */
function attempts(code: string, needsLanguage: boolean): Attempt[] {
  const languages: readonly Language[] = needsLanguage ? ["javascript", "typescript"] : ["auto"]
  return programTexts(code).flatMap((text) =>
    languages.flatMap((language) => shapesOf(text).map((shape) => ({ text, shape, language }))),
  )
}

function shapesOf(text: string): readonly CodeShape[] {
  return /^[ \t]*(?:export|import)\b/m.test(text) ? ["module", "body"] : ["body", "expression"]
}

async function createWorker(
  { text, shape, language }: Attempt,
  namespaces: readonly Namespace[],
  settings: CodeModeSettings,
): Promise<DynamicWorker> {
  const { platform = defaultPlatform(), limits, network, tenant } = settings
  const options: DynamicWorkerOptions = {
    ...guestModules(text, shape, namespaces),
    language,
    limits,
    env: {
      namespaces: namespaces.map(({ name, tools, call }) => ({
        name,
        tools,
        call: (tool: unknown, args: unknown) => call(tool, args),
      })),
    },
    platform,
    ...(network === undefined ? {} : { network }),
    ...(tenant === undefined ? {} : { tenant }),
  }
  return DynamicWorker.create(options)
}

function reach({ details }: MayflyError): number {
  const { line, column } = details
  return typeof line === "number" && typeof column === "number" ? line * 1e6 + column : 0
}
