import { basename, extname } from "node:path"
import type { DynamicWorkerOptions } from "@mayfly/platform"
import { collectModules } from "./collect-modules.ts"
import { invalid } from "./command-error.ts"
import { hasRelativeImport } from "./import-specifiers.ts"
import { readTextFileOrPipe, readTextStream } from "./read-text-file.ts"

/** A program from the disk or from stdin. */
export interface ProgramText {
  readonly source: Pick<DynamicWorkerOptions, "script" | "modules" | "mainModule">
  /** Files that it was made of, absolute; none for stdin. */
  readonly files: readonly string[]
  /** Imports that were not followed, because they lead out of the program's folder. */
  readonly refused: readonly string[]
}

const codeEndings = [".js", ".mjs", ".cjs", ".ts", ".mts"]

/** Reads FILE and what it imports from its folder, or stdin for "-" until `signal` fires. Rejects with `input.invalid` when it can't be read. */
export async function readProgram(file: string, signal: AbortSignal): Promise<ProgramText> {
  if (file === "-")
    return { source: { script: await readTextStream("FILE", process.stdin, signal) }, files: [], refused: [] }
  if (extname(file) === ".py") throw invalid("FILE", "is Python, which isolates do not run: use a sandbox for it")
  const text = await readTextFileOrPipe("FILE", file, signal)
  if (hasRelativeImport(text)) return collectModules(file, text)
  const source = isPlainCode(file, text)
    ? { modules: { [basename(file)]: text }, mainModule: basename(file) }
    : { script: text }
  return { source, files: [file], refused: [] }
}

/** As a module the program keeps its file name in stack traces; Markdown around it is understood in a script only. */
function isPlainCode(file: string, text: string): boolean {
  return codeEndings.includes(extname(file)) && !text.includes("```") && !text.includes("~~~") && text.trim() !== ""
}
