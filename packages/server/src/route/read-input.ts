import { MayflyError } from "@mayfly/protocol"
import { z } from "zod"
import { explainIssue } from "./explain-issue.ts"

/** What is read: its part of the request, and the route, for who corrects it. */
export interface InputPlace {
  readonly kind: "field" | "parameter"
  /** Such as "POST /v1/run". */
  readonly route: string
}

/** `value` as the schema makes it. Throws `input.invalid` that names the first thing that is wrong, what was expected and what to do. */
export function readInput(schema: z.ZodType, value: unknown, { kind, route }: InputPlace): unknown {
  const read = schema.safeParse(value, { reportInput: true })
  if (read.success) return read.data
  const [issue] = read.error.issues
  const { path, problem } = explainIssue(schema, issue, kind)
  const name = path === "" ? "the request body" : path
  throw new MayflyError("input.invalid", `${name} ${problem}`, {
    details: { path: name, expected: problem },
    fix: `Correct ${name}; what "${route}" takes is in /v1/openapi.json and on the page /docs.`,
  })
}

const none = z.strictObject({})

/** The query of a request. A parameter that is given twice is refused: two readers might take different ones. */
export function readQuery(schema: z.ZodType = none, given: Record<string, string[]>, route: string): unknown {
  const values: [string, string][] = []
  for (const [name, texts] of Object.entries(given)) {
    const [text = ""] = texts
    if (texts.length > 1) throw repeated(name)
    values.push([name, text])
  }
  return readInput(schema, Object.fromEntries(values), { kind: "parameter", route })
}

function repeated(name: string): MayflyError {
  const path = name.slice(0, 100)
  return new MayflyError("input.invalid", `${path} is given more than once`, { details: { path } })
}
