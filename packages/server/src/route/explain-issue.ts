import { z } from "zod"

type Issue = z.core.$ZodIssue

/** One problem in the words of this API. The path is as in JavaScript: `limits.cpuMs`, `steps[0].name`, `modules["a b"]`. */
export function explainIssue(
  schema: z.ZodType,
  issue: Issue | undefined,
  kind: "field" | "parameter",
): { readonly path: string; readonly problem: string } {
  if (issue === undefined) return { path: "", problem: "is not valid" }
  const keys = issue.path
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(shapeAt(schema, keys) ?? {})
    const list = known.length === 0 ? `there are no ${kind}s` : `the ${kind}s are ${known.join(", ")}`
    return { path: pathOf([...keys, issue.keys[0] ?? ""]), problem: `is not a ${kind}; ${list}` }
  }
  return { path: pathOf(keys), problem: problemOf(issue) }
}

const maxKeyLength = 100

function pathOf(keys: readonly PropertyKey[]): string {
  return keys
    .map((key, index) => {
      if (typeof key === "number") return `[${key}]`
      const name = String(key).slice(0, maxKeyLength)
      if (!/^[A-Za-z_$][\w$-]*$/.test(name)) return index === 0 ? name : `[${JSON.stringify(name)}]`
      return index === 0 ? name : `.${name}`
    })
    .join("")
}

/** Our own texts begin with one of these; zod's do not. */
const own = /^(?:must|is|can't|has) /

const names: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "an array",
  null: "null",
}

function problemOf(issue: Issue): string {
  if (own.test(issue.message)) return issue.message
  switch (issue.code) {
    case "invalid_type":
      return typeProblem(issue.expected, issue.input)
    case "too_small":
      return sizeProblem(issue.origin, "at least", issue.minimum)
    case "too_big":
      return sizeProblem(issue.origin, "at most", issue.maximum)
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}`
    case "invalid_union":
      return `must be ${[...new Set(issue.errors.flat().flatMap(expectedBy))].join(" or ") || "of a form that is documented"}`
    default:
      return "is not of the form that is documented"
  }
}

function typeProblem(expected: string, input: unknown): string {
  const wanted = names[expected] ?? expected
  if (input === undefined) return `is missing: it must be ${wanted}`
  return `must be ${wanted}, not ${nameOf(input)}`
}

function expectedBy(issue: Issue): string[] {
  if (issue.code === "invalid_value") return issue.values.map(String)
  return issue.code === "invalid_type" ? [names[issue.expected] ?? issue.expected] : []
}

function sizeProblem(origin: string, bound: string, size: number | bigint): string {
  if (origin === "string") return `must have ${bound} ${size} characters`
  if (origin === "array" || origin === "set") return `must have ${bound} ${size} entries`
  return `must be ${bound} ${size}`
}

function nameOf(value: unknown): string {
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** The fields of the object that a path leads to, as far as it can be followed. */
function shapeAt(schema: z.core.$ZodType, keys: readonly PropertyKey[]): Readonly<Record<string, unknown>> | undefined {
  const inner = unwrapped(schema)
  if (inner instanceof z.ZodObject) {
    const shape = inner.shape as Readonly<Record<string, z.core.$ZodType>>
    const [key, ...rest] = keys
    if (key === undefined) return shape
    const next = Object.hasOwn(shape, key) ? shape[String(key)] : undefined
    return next === undefined ? undefined : shapeAt(next, rest)
  }
  if (inner instanceof z.ZodArray && keys.length > 0) return shapeAt(inner.element, keys.slice(1))
  return undefined
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return unwrapped(schema.unwrap() as z.core.$ZodType)
  return schema
}
