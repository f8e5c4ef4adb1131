type Json = Readonly<Record<string, unknown>>

/** What clients of the API may miss or see changed, by operation (`POST /v1/run`). `/v1` only grows. */
export function breakingRoutes(before: Json, now: Json): Map<string, string> {
  const breaks = new Map<string, string>()
  for (const [path, methods] of Object.entries(record(before["paths"]))) {
    for (const [method, operation] of Object.entries(record(methods))) {
      const name = `${method.toUpperCase()} ${path}`
      const current = record(record(now["paths"])[path])[method]
      const reason =
        current === undefined ? "is gone" : operationBreak(record(operation), record(current), { before, now })
      if (reason !== undefined) breaks.set(name, `${name} ${reason}`)
    }
  }
  return breaks
}

interface Documents {
  readonly before: Json
  readonly now: Json
}

function operationBreak(before: Json, now: Json, documents: Documents): string | undefined {
  const scope = before["x-scope"] === now["x-scope"] ? undefined : `wants the scope ${JSON.stringify(now["x-scope"])}`
  return (
    scope ?? parametersBreak(before, now) ?? bodyBreak(before, now, documents) ?? answersBreak(before, now, documents)
  )
}

function parametersBreak(before: Json, now: Json): string | undefined {
  const named = (operation: Json): Map<string, Json> =>
    new Map(list(operation["parameters"]).map((one) => [`${String(one["in"])} parameter ${String(one["name"])}`, one]))
  const current = named(now)
  for (const name of named(before).keys()) if (!current.has(name)) return `has lost its ${name}`
  for (const [name, one] of current)
    if (one["required"] === true && named(before).get(name)?.["required"] !== true) return `demands the ${name}`
  return undefined
}

function bodyBreak(before: Json, now: Json, documents: Documents): string | undefined {
  const old = jsonSchemaOf(before["requestBody"])
  const current = jsonSchemaOf(now["requestBody"])
  if (old === undefined)
    return current === undefined || record(now["requestBody"])["required"] !== true ? undefined : "demands a body"
  return current === undefined
    ? "takes no body any more"
    : schemaBreak("the body", { before: old, now: current, isGiven: true }, documents)
}

function answersBreak(before: Json, now: Json, documents: Documents): string | undefined {
  const current = record(now["responses"])
  for (const [status, answer] of Object.entries(record(before["responses"]))) {
    if (!status.startsWith("2")) continue
    if (current[status] === undefined) return `never answers ${status} any more`
    const old = jsonSchemaOf(answer)
    const schema = jsonSchemaOf(current[status])
    if (old !== undefined && schema === undefined) return `answers ${status} without JSON`
    const reason =
      old === undefined || schema === undefined
        ? undefined
        : schemaBreak(`the answer ${status}`, { before: old, now: schema, isGiven: false }, documents)
    if (reason !== undefined) return reason
  }
  return undefined
}

interface Pair {
  readonly before: Json
  readonly now: Json
  /** Whether clients send it; else they read it. */
  readonly isGiven: boolean
}

const maxDepth = 12

function schemaBreak(
  where: string,
  { before, now, isGiven }: Pair,
  documents: Documents,
  depth = 0,
): string | undefined {
  if (depth > maxDepth) return undefined
  const old = resolved(before, documents.before)
  const current = resolved(now, documents.now)
  const types = JSON.stringify(old["type"]) === JSON.stringify(current["type"])
  if (old["type"] !== undefined && current["type"] !== undefined && !types)
    return `has ${where} of type ${JSON.stringify(current["type"])}, which was ${JSON.stringify(old["type"])}`
  const properties = record(current["properties"])
  for (const [name, schema] of Object.entries(record(old["properties"]))) {
    const at = `${where}.${name}`
    if (properties[name] === undefined) return `has lost ${at}`
    const pair = { before: record(schema), now: record(properties[name]), isGiven }
    const reason = schemaBreak(at, pair, documents, depth + 1)
    if (reason !== undefined) return reason
  }
  const [required, was] = [list(current["required"]), list(old["required"])] as unknown as [string[], string[]]
  const added = required.find((name) => !was.includes(name))
  if (isGiven && added !== undefined) return `demands ${where}.${added}`
  const missing = was.find((name) => !required.includes(name))
  if (!isGiven && missing !== undefined) return `may leave out ${where}.${missing}`
  const items = [old["items"], current["items"]]
  if (items[0] === undefined || items[1] === undefined) return undefined
  return schemaBreak(`${where}[]`, { before: record(items[0]), now: record(items[1]), isGiven }, documents, depth + 1)
}

function resolved(schema: Json, document: Json): Json {
  const { $ref } = schema as { readonly $ref?: string }
  const name = $ref?.replace(/^#\/components\/schemas\//, "")
  return name === undefined ? schema : record(record(record(document["components"])["schemas"])[name])
}

function jsonSchemaOf(holder: unknown): Json | undefined {
  const schema = record(record(record(holder)["content"])["application/json"])["schema"]
  return schema === undefined ? undefined : record(schema)
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {}
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : []
}
