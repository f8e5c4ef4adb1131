import { fileURLToPath } from "node:url"

/** A file of the served worker that can't be parsed. */
export class SourceError extends Error {
  readonly path: string
  /** From 1. */
  readonly line: number
  readonly column: number
  readonly sourceLine: string

  constructor(message: string, place: { path: string; line: number; column: number; sourceLine: string }) {
    super(message)
    this.name = "SourceError"
    this.path = place.path
    this.line = place.line
    this.column = place.column
    this.sourceLine = place.sourceLine
  }

  /** At an offset in bytes of UTF-8, as the transformer counts. */
  static at(path: string, code: string, byteOffset: number | undefined, message: string): SourceError {
    const before = Buffer.from(code)
      .subarray(0, byteOffset ?? 0)
      .toString()
      .split("\n")
    const line = before.length
    const column = (before.at(-1) ?? "").length + 1
    return new SourceError(message, { path, line, column, sourceLine: code.split("\n")[line - 1] ?? "" })
  }

  /** V8 tells the place of an import's error only in the stack: file and line, the line, a caret. */
  static fromStack(error: SyntaxError): SourceError | undefined {
    const match = /^(\S.*?):(\d+)\n(.*)\n( *)\^/.exec(error.stack ?? "")
    if (match === null) return undefined
    const [, file = "", line = "", sourceLine = "", indent = ""] = match
    const path = file.startsWith("file:") ? fileURLToPath(file) : file
    return new SourceError(error.message, { path, line: Number(line), column: indent.length + 1, sourceLine })
  }
}
