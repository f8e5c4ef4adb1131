import { relative } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import { findSyntaxError } from "./load-source.ts"
import { SourceError } from "./source-error.ts"
import { withoutVersions } from "./worker-modules.ts"

/** What to tell the author of a worker that could not be loaded: where in its `files`, and with which text. */
export function loadFailure(error: unknown, files: readonly string[]): MayflyError {
  if (error instanceof MayflyError) return error
  const found = error instanceof SyntaxError ? placeOf(error, files) : error
  if (found instanceof SourceError) return syntaxError(found)
  const text = withoutVersions(error instanceof Error ? error.message : String(error))
  if (isMissing(error)) {
    const fix = "Correct the import, or install the package beside the worker."
    return new MayflyError("worker.module-not-found", text, { cause: error, fix })
  }
  return new MayflyError("server.worker-failed", `the worker failed while it was loaded: ${text}`, {
    cause: error,
    fix: "Correct the worker: the stack shows where.",
  })
}

/** V8 tells it only sometimes. */
function placeOf(error: SyntaxError, files: readonly string[]): SourceError | SyntaxError {
  const found = SourceError.fromStack(error)
  if (found !== undefined) return found
  for (const file of files) {
    const inFile = findSyntaxError(file)
    if (inFile !== undefined) return inFile
  }
  return error
}

function syntaxError({ path, line, column, sourceLine, message }: SourceError): MayflyError {
  const file = relative(process.cwd(), path)
  const caret = `${" ".repeat(`${line} | `.length)}${sourceLine.slice(0, column - 1).replace(/[^\t]/g, " ")}^`
  const text = `${file}:${line}:${column} ${withoutVersions(message)}\n${line} | ${sourceLine}\n${caret}\n`
  const details = { file, line, column, sourceLine }
  return new MayflyError("worker.syntax", text, { details, fix: "Correct the worker at the line and column shown." })
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return (
    code === "ERR_MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED" || code === "ERR_UNSUPPORTED_DIR_IMPORT"
  )
}
