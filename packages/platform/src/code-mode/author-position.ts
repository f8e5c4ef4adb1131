import { MayflyError } from "@mayfly/protocol"
import { codeFile, type CodeShape, linesAbove } from "./guest-modules.ts"

const place = new RegExp(`(?<![\\w/.-])${codeFile.replace(".", "\\.")}:(\\d{1,7}):(\\d{1,7})`, "g")

/** Positions in a text (a stack, a console line) as the author of the generated code counts them. */
export function authorText(text: string, shape: CodeShape): string {
  return text.replace(
    place,
    (_, line: string, column: string) => `${codeFile}:${lineOf(Number(line), shape)}:${column}`,
  )
}

/** The same error in the author's positions. */
export function authorError(error: MayflyError, shape: CodeShape): MayflyError {
  const { code, retry, fix, cause } = error
  const details = Object.fromEntries(
    Object.entries(error.details).map(([name, value]) => {
      if (name === "line" && typeof value === "number") return [name, lineOf(value, shape)]
      return [name, name !== "message" && typeof value === "string" ? authorText(value, shape) : value]
    }),
  )
  return new MayflyError(code, authorText(error.message, shape), {
    details,
    retry,
    fix,
    ...(cause === undefined ? {} : { cause }),
  })
}

function lineOf(line: number, shape: CodeShape): number {
  return Math.max(1, line - linesAbove[shape])
}
