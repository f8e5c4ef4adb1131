/** One finding of the compiler. Lines and columns from 1, in the file that was checked. */
export interface Diagnostic {
  readonly file: string
  readonly line: number
  readonly column: number
  /** `TS2345`. */
  readonly code: string
  readonly message: string
}

const head = /^(.+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/
const maxMessage = 1_000

/** Reads the output of `tsc --pretty false`. Lines that go on with a message are indented below it. */
export function parseDiagnostics(output: string): Diagnostic[] {
  const found: Diagnostic[] = []
  for (const text of output.split(/\r?\n/)) {
    const match = head.exec(text)
    const last = found.at(-1)
    if (match !== null) {
      const [, file = "", line, column, code = "", message = ""] = match
      found.push({ file, line: Number(line), column: Number(column), code, message: message.slice(0, maxMessage) })
    } else if (last !== undefined && /^\s+\S/.test(text) && last.message.length < maxMessage) {
      found[found.length - 1] = { ...last, message: `${last.message}\n${text}`.slice(0, maxMessage) }
    }
  }
  return found
}
