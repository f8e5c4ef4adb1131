import { MayflyError } from "@mayfly/protocol"
import { isOverBroad, type OriginPattern, parseOriginPattern } from "./origin-pattern.ts"

/** A network policy that has been checked. Made only by `parsePolicy`. */
export interface Policy {
  readonly defaultPolicy: "deny" | "allow" | "ask"
  readonly rules: readonly PolicyRule[]
  readonly denied: readonly OriginPattern[]
}

export interface PolicyRule {
  readonly pattern: OriginPattern
  /** Upper-case; null means all. */
  readonly methods: ReadonlySet<string> | null
  /** Each whole, or a beginning when it ends in "*"; null means all. */
  readonly paths: readonly string[] | null
  readonly maxResponseBytes: number | null
}

/**
 * Checks a `network` option, which may come from anywhere. Nothing given means deny everything. Throws `input.invalid`
 * naming the field; a key that is not known is an error, because a misspelt restriction would restrict nothing.
 */
export function parsePolicy(input: unknown, field = "network"): Policy {
  if (input === undefined) return { defaultPolicy: "deny", rules: [], denied: [] }
  const fields = object(input, field, ["defaultPolicy", "allowedOrigins", "deniedOrigins", "allowAll"])
  const allowAll = fields["allowAll"] ?? false
  if (typeof allowAll !== "boolean") throw invalid(`${field}.allowAll`, "must be true or false")
  return {
    defaultPolicy: defaultPolicyOf(fields["defaultPolicy"], `${field}.defaultPolicy`),
    rules:
      list(fields["allowedOrigins"], `${field}.allowedOrigins`, (item, path) => ruleOf(item, path, allowAll)) ?? [],
    denied: list(fields["deniedOrigins"], `${field}.deniedOrigins`, patternOf) ?? [],
  }
}

const maxItems = 1000
const maxTextLength = 2048

function defaultPolicyOf(value: unknown, field: string): Policy["defaultPolicy"] {
  if (value === undefined) return "deny"
  if (value === "deny" || value === "allow" || value === "ask") return value
  throw invalid(field, `must be "deny", "allow" or "ask"`)
}

function ruleOf(value: unknown, field: string, allowAll: boolean): PolicyRule {
  if (typeof value === "string") {
    const pattern = allowedPattern(value, field, allowAll)
    return { pattern, methods: null, paths: null, maxResponseBytes: null }
  }
  const fields = object(value, field, ["origin", "methods", "paths", "maxResponseBytes"])
  const methods = list(fields["methods"], `${field}.methods`, methodOf)
  return {
    pattern: allowedPattern(fields["origin"], `${field}.origin`, allowAll),
    methods: methods === null ? null : new Set(methods),
    paths: list(fields["paths"], `${field}.paths`, pathOf),
    maxResponseBytes: bytesOf(fields["maxResponseBytes"], `${field}.maxResponseBytes`),
  }
}

function allowedPattern(value: unknown, field: string, allowAll: boolean): OriginPattern {
  const pattern = patternOf(value, field)
  if (isOverBroad(pattern) && !allowAll) {
    throw invalid(field, `"${pattern.text}" allows hosts of anybody; name the origins, or set network.allowAll to true`)
  }
  return pattern
}

function patternOf(value: unknown, field: string): OriginPattern {
  const text = textOf(value, field)
  const parsed = parseOriginPattern(text)
  if (!parsed.ok) throw invalid(field, `${JSON.stringify(text)} ${parsed.problem}`)
  return parsed.pattern
}

function methodOf(value: unknown, field: string): string {
  const text = textOf(value, field)
  if (/^[A-Z]+(-[A-Z]+)*$/.test(text)) return text
  throw invalid(field, `must be an HTTP method in upper case, such as "GET"`)
}

function pathOf(value: unknown, field: string): string {
  const text = textOf(value, field)
  const body = text.endsWith("*") ? text.slice(0, -1) : text
  if (!body.startsWith("/") || /[*?#\\\s]/.test(body)) {
    throw invalid(field, `must begin with "/", may end in "*", and has no query: for instance "/v1/*"`)
  }
  // A path that the URL parser would write differently could never match.
  if (new URL(body, "http://host").pathname !== body) throw invalid(field, "must be spelt as it appears in a URL")
  return text
}

function bytesOf(value: unknown, field: string): number | null {
  if (value === undefined) return null
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value
  throw invalid(field, "must be a whole number of bytes above 0")
}

function textOf(value: unknown, field: string): string {
  if (typeof value === "string" && value.length <= maxTextLength) return value
  throw invalid(field, `must be a text of at most ${maxTextLength} characters`)
}

function list<T>(value: unknown, field: string, parse: (item: unknown, field: string) => T): T[] | null {
  if (value === undefined) return null
  if (!Array.isArray(value)) throw invalid(field, "must be a list")
  if (value.length > maxItems) throw invalid(field, `must have at most ${maxItems} entries`)
  return Array.from(value, (item: unknown, index) => parse(item, `${field}[${index}]`))
}

function object(value: unknown, field: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(field, "must be an object")
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw invalid(`${field}.${unknown.slice(0, 100)}`, `is not known; known are ${known.join(", ")}`)
  }
  // Own fields only: nothing inherited may loosen a policy.
  return Object.assign(Object.create(null), value)
}

function invalid(field: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${field} ${problem}`, { details: { field } })
}
