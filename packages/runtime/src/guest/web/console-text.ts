import type { Kernel } from "../kernel.ts"
import { inspectPlain } from "./inspect-plain.ts"

/** What the console needs of the `inspect` chunk. */
export interface InspectChunk {
  format(...values: unknown[]): string
  inspect(value: unknown, options?: object): string
  /** Null when `data` is nothing that a table can show. */
  table(data: unknown, columns: unknown): string | null
}

/** Turns the arguments of a console call into text. Does not throw, whatever the values do. */
export type ConsoleText = (values: readonly unknown[]) => string

export const unprintable = "[unprintable]"

const { apply } = Reflect

export function createConsoleText(kernel: Kernel): ConsoleText {
  return (values) => {
    try {
      return plainText(values) ?? apply(kernel.chunk<InspectChunk>("inspect").format, undefined, values)
    } catch {
      return describeEach(kernel, values)
    }
  }
}

/** Most lines are plain: no chunk is loaded for them. Null when formatting or inspecting is needed. */
function plainText(values: readonly unknown[]): string | null {
  if (values.length > 1 && typeof values[0] === "string" && values[0].includes("%")) return null
  let text = ""
  for (let index = 0; index < values.length; index++) {
    const piece = plainValue(values[index])
    if (piece === null) return null
    text = index === 0 ? piece : `${text} ${piece}`
  }
  return text
}

function plainValue(value: unknown): string | null {
  return typeof value === "string" ? value : (inspectPlain(value) ?? null)
}

/** One hostile value must not hide the others. */
function describeEach(kernel: Kernel, values: readonly unknown[]): string {
  let text = ""
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += " "
    text += describeOne(kernel, values[index])
  }
  return text
}

function describeOne(kernel: Kernel, value: unknown): string {
  try {
    return plainValue(value) ?? kernel.chunk<InspectChunk>("inspect").inspect(value)
  } catch {
    return unprintable
  }
}
