import { existsSync, readFileSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser"

export interface ConfigFile {
  readonly path: string
  readonly values: Readonly<Record<string, unknown>>
}

const usualNames = ["mayfly.config.json", "mayfly.config.jsonc"]
const maxBytes = 1 << 20

/** The file that is named, or the usual one of `folder` when there is one. Throws `input.invalid`. */
export function readConfigFile(named: string | undefined, folder: string): ConfigFile | undefined {
  const path = named === undefined ? usualFile(folder) : resolve(folder, named)
  if (path === undefined) return undefined
  const text = readText(path)
  const errors: ParseError[] = []
  const values: unknown = parse(text, errors, { allowTrailingComma: true })
  const [error] = errors
  if (error !== undefined) throw invalid(path, `line ${lineOf(text, error.offset)}: ${wordsOf(error)}`)
  if (typeof values !== "object" || values === null || Array.isArray(values))
    throw invalid(path, "it must hold one object")
  return { path, values: values as Record<string, unknown> }
}

function usualFile(folder: string): string | undefined {
  const found = usualNames.map((name) => resolve(folder, name)).filter((path) => existsSync(path))
  if (found.length > 1) throw invalid(found.join(" and "), "keep one of them, or name it with --config")
  return found[0]
}

function readText(path: string): string {
  try {
    if (statSync(path).size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`)
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "")
  } catch (error) {
    throw invalid(path, (error as Error).message)
  }
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length
}

/** "PropertyNameExpected": "property name expected" */
function wordsOf({ error }: ParseError): string {
  return printParseErrorCode(error)
    .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .toLowerCase()
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `the configuration file "${path}" can't be used: ${problem}`, {
    details: { path: "config" },
  })
}
