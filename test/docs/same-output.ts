import assert from "node:assert/strict"

/** What a page shows of an output stands for what came: white space counts for nothing, and `…` for anything. */
export function assertShown(shown: string, actual: string): void {
  const parts = shown.split("…").map((part) => words(part).replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
  const pattern = new RegExp(`^${parts.join(".*")}$`, "s")
  assert.ok(pattern.test(words(actual)), `the page shows\n${shown}\nand what came is\n${actual}`)
}

function words(text: string): string {
  return text.replaceAll(/\s+/g, "")
}

/** The same for JSON: a field named "…" stands for more fields; a time, or a number with a fraction, for any number. */
export function assertShownJson(shown: unknown, actual: unknown, path = "$"): void {
  if (typeof shown === "string") return assertShown(shown, String(actual))
  if (typeof shown === "number" && (shown > 1e12 || !Number.isInteger(shown)))
    return assert.equal(typeof actual, "number", path)
  if (typeof shown !== "object" || shown === null || Array.isArray(shown) !== Array.isArray(actual))
    return assert.deepEqual(actual, shown, path)
  const { "…": more, ...fields } = shown as Record<string, unknown>
  const found = actual as Record<string, unknown>
  if (more === undefined) assert.deepEqual(Object.keys(found).toSorted(), Object.keys(fields).toSorted(), path)
  for (const [name, value] of Object.entries(fields)) assertShownJson(value, found[name], `${path}.${name}`)
}

/** What a program shows of its own output: the comment behind each `console.log`, `…` where there is none. */
export function shownInComments(program: string): string {
  const lines = program.split("\n").filter((line) => line.includes("console.log("))
  return lines.map((line) => / \/\/ (.*)$/.exec(line)?.[1] ?? "…").join("\n")
}
