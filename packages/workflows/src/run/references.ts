import { isDeepStrictEqual } from "node:util"
import type { Condition } from "../define/definition.ts"
import { isReference } from "../define/parse-steps.ts"

type Results = ReadonlyMap<string, unknown>

/** Plain data with each `{ $from, path }` replaced by the result that it stands for. */
export function resolveReferences(value: unknown, results: Results): unknown {
  if (typeof value !== "object" || value === null) return value
  if (isReference(value)) {
    const path = value["path"]
    return at(results.get(value.$from as string), typeof path === "string" ? path.split(".") : [])
  }
  if (Array.isArray(value)) return value.map((item) => resolveReferences(item, results))
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, resolveReferences(child, results)]))
}

/** Whether a step is to run. A step that was skipped has the result undefined. */
export function isMet({ from, path, test, value }: Condition, results: Results): boolean {
  const found = at(results.get(from), path)
  switch (test) {
    case "equals":
      return isDeepStrictEqual(found, value)
    case "notEquals":
      return !isDeepStrictEqual(found, value)
    case "exists":
      return (found !== undefined) === (value !== false)
  }
}

/** Own properties only: results come from guests. */
function at(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const name of path) {
    if (found instanceof Map) found = found.get(name) as unknown
    else if (typeof found === "object" && found !== null && Object.hasOwn(found, name))
      found = (found as Record<string, unknown>)[name]
    else return undefined
  }
  return found
}
