import { invalid } from "./command-error.ts"
import { readTextFile } from "./read-text-file.ts"

/** The JSON of an option, or of @file; tags are left as they are. Throws `input.invalid`. */
export function readJsonOption(option: string, text: string): unknown {
  const json = text.startsWith("@") ? readTextFile(option, text.slice(1)) : text
  try {
    return JSON.parse(json)
  } catch (error) {
    throw invalid(option, `is not JSON: ${(error as Error).message}`)
  }
}
