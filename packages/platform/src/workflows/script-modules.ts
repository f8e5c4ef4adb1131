import { MayflyError } from "@mayfly/protocol"
import type { DynamicWorkerOptions, GivenModule } from "@mayfly/runtime"
import type { WorkerProgram } from "@mayfly/workflows"
import { shimName, shimSource } from "./script-shim.ts"

const fence = /^\s*(?:```|~~~)[^\n]*\n([\s\S]*?)\n\s*(?:```|~~~)\s*$/
const isModule = /^[ \t]*(?:export|import)\b/m

/** A workflow script as the modules of a worker: our own in front, and the script, which it imports. */
export function scriptModules(
  program: WorkerProgram,
  language: "javascript" | "typescript",
): Pick<DynamicWorkerOptions, "modules" | "mainModule"> {
  const { script, modules, mainModule } = program
  if (script !== undefined) {
    const text = moduleText(script)
    return withShim({ "workflow.js": language === "typescript" ? { ts: text } : { js: text } }, "workflow.js")
  }
  if (typeof mainModule !== "string" || modules === undefined || modules[mainModule] === undefined) {
    throw new MayflyError("input.invalid", "mainModule must name one of the modules", {
      details: { path: "mainModule" },
    })
  }
  return withShim(modules as Readonly<Record<string, GivenModule>>, mainModule)
}

/** A text without exports is the function itself. */
function moduleText(script: string): string {
  const text = fence.exec(script)?.[1] ?? script
  return isModule.test(text) ? text : `export default (${text}\n)`
}

function withShim(
  modules: Readonly<Record<string, GivenModule>>,
  main: string,
): { modules: Record<string, GivenModule>; mainModule: string } {
  return { modules: { ...modules, [shimName]: { js: shimSource(`./${main}`) } }, mainModule: shimName }
}
