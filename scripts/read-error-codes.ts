import { parseSync } from "oxc-parser"

export interface ErrorCodes {
  /** Strings in a place where only an error code makes sense. */
  readonly codes: ReadonlySet<string>
  /** All strings of the file. */
  readonly literals: ReadonlySet<string>
}

const shape = /^[a-z]+\.[a-z]+(-[a-z]+)*$/

/**
 * Finds error codes in a source. A code is what is passed to something named like an error, held by a property `code`,
 * or compared with one; strings elsewhere may look alike ("server.js") and are no codes.
 */
export function readErrorCodes(path: string, source: string): ErrorCodes {
  const codes = new Set<string>()
  const literals = new Set<string>()
  walk(parseSync(path, source).program, (node) => {
    const text = textOf(node)
    if (text !== null) literals.add(text)
    for (const candidate of candidatesOf(node)) {
      const code = textOf(candidate)
      if (code !== null && shape.test(code)) codes.add(code)
    }
  })
  return { codes, literals }
}

type Node = Readonly<Record<string, unknown>>

/** The nodes at `node` that should be error codes. */
function candidatesOf(node: Node): unknown[] {
  switch (node["type"]) {
    case "NewExpression":
    case "CallExpression":
      return /error|fail/i.test(nameOf(node["callee"])) ? list(node["arguments"]).slice(0, 1) : []
    case "Property":
      return nameOf(node["key"]) === "code" ? [node["value"]] : []
    case "BinaryExpression":
      return isCode(node["left"]) || isCode(node["right"]) ? [node["left"], node["right"]] : []
    case "SwitchStatement":
      return isCode(node["discriminant"]) ? list(node["cases"]).map((one) => (isNode(one) ? one["test"] : null)) : []
    default:
      return []
  }
}

function isCode(node: unknown): boolean {
  return nameOf(node) === "code"
}

/** The last name of `name` or `some.path.name`. */
function nameOf(node: unknown): string {
  if (!isNode(node)) return ""
  if (node["type"] === "Identifier") return String(node["name"])
  return node["type"] === "MemberExpression" ? nameOf(node["property"]) : ""
}

function textOf(node: unknown): string | null {
  return isNode(node) && node["type"] === "Literal" && typeof node["value"] === "string" ? node["value"] : null
}

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const one of value) walk(one, visit)
  } else if (isNode(value)) {
    visit(value)
    for (const child of Object.values(value)) walk(child, visit)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
