import { readFileSync } from "node:fs"
import { taggedValue } from "@mayfly/server"
import { invalid } from "./command-error.ts"

/** The value of an option that is JSON, or @file with JSON in it. Tagged JSON becomes the values it stands for. Throws `input.invalid`. */
export function readJsonOption(option: string, text: string): unknown {
  return taggedValue(readPlainJsonOption(option, text), option)
}

/** The same without tags. */
export function readPlainJsonOption(option: string, text: string): unknown {
  const json = text.startsWith("@") ? readText(option, text.slice(1)) : text
  try {
    return JSON.parse(json)
  } catch (error) {
    throw invalid(option, `is not JSON: ${(error as Error).message}`)
  }
}

function readText(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    throw invalid(option, `names a file that can't be read: ${(error as Error).message}`)
  }
}
