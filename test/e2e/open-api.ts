/** The parts of an OpenAPI document that tests go through. */
export interface Operation {
  readonly method: string
  /** `/v1/things/{id}`. */
  readonly path: string
  readonly scope: string | undefined
  readonly isOpen: boolean
  readonly isWholeServer: boolean
  readonly query: readonly Parameter[]
  /** Of a JSON body. */
  readonly body: Schema | undefined
  readonly hasRawBody: boolean
  readonly codes: ReadonlyMap<number, readonly string[]>
  readonly success: number
  readonly answer: Schema | undefined
}

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required: boolean
  readonly schema: Schema
}

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly examples?: readonly unknown[]
  readonly additionalProperties?: boolean | Schema
  readonly minimum?: number
  readonly pattern?: string
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

interface RawOperation {
  readonly security?: readonly unknown[]
  readonly "x-scope"?: string
  readonly "x-whole-server"?: boolean
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content; readonly "x-codes"?: readonly string[] }>>
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>

export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => operationOf(method.toUpperCase(), path, raw)),
  )
}

function operationOf(method: string, path: string, raw: RawOperation): Operation {
  const responses = Object.entries(raw.responses)
  const [success = "200", answer] = responses.find(([status]) => Number(status) < 400) ?? []
  const body = raw.requestBody?.content["application/json"]?.schema
  const media = Object.keys(raw.requestBody?.content ?? {})
  return {
    method,
    path,
    scope: raw["x-scope"],
    isOpen: raw.security?.length === 0,
    isWholeServer: raw["x-whole-server"] === true,
    query: (raw.parameters ?? []).filter((parameter) => parameter.in === "query"),
    body: media.length === 1 ? body : undefined,
    hasRawBody: media.some((one) => one !== "application/json"),
    codes: new Map(responses.map(([status, { "x-codes": codes = [] }]) => [Number(status), codes])),
    success: Number(success),
    answer: answer?.content?.["application/json"]?.schema,
  }
}

/** The path with something in the place of each parameter: what is not in `values` gets "sample", ports one that is none. */
export function pathOf({ path }: Operation, values: Readonly<Record<string, string>> = {}): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? (name === "port" ? "8080" : "sample"))
}

export function resolve(schema: Schema, document: Document): Schema {
  const name = schema.$ref?.split("/").at(-1)
  return name === undefined ? schema : (document.components.schemas[name] ?? {})
}

const samples = ["sample", "644", "8080"]

/** A value that the schema allows: its example, else the least there can be. */
export function sampleOf(given: Schema, document: Document): unknown {
  const schema = resolve(given, document)
  if (schema.examples?.[0] !== undefined) return schema.examples[0]
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.anyOf?.[0] !== undefined) return sampleOf(schema.anyOf[0], document)
  switch (namesOf(schema)[0]) {
    case "string":
      return samples.find((text) => schema.pattern === undefined || new RegExp(schema.pattern).test(text)) ?? "sample"
    case "integer":
    case "number":
      return Math.max(1, schema.minimum ?? 1)
    case "boolean":
      return true
    case "array":
      return schema.items === undefined ? [] : [sampleOf(schema.items, document)]
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sampleOf(schema.properties?.[name] ?? {}, document)]),
      )
    default:
      return null
  }
}

/** The JSON types that a schema lets through; undefined: any. */
export function typesOf(given: Schema, document: Document): ReadonlySet<string> | undefined {
  const schema = resolve(given, document)
  if (schema.enum !== undefined) return new Set(schema.enum.map((value) => typeof value))
  if (schema.const !== undefined) return new Set([typeof schema.const])
  if (schema.anyOf !== undefined) {
    const some = schema.anyOf.map((one) => typesOf(one, document))
    return some.includes(undefined) ? undefined : new Set(some.flatMap((types) => [...(types ?? [])]))
  }
  return schema.type === undefined
    ? undefined
    : new Set(namesOf(schema).map((type) => (type === "integer" ? "number" : type)))
}

function namesOf({ type = [] }: Schema): readonly string[] {
  return typeof type === "string" ? [type] : type
}

/** Routes in the words of another API: its clients may send what ours refuse, and are told in its shapes. */
export function isBridge({ path }: Operation): boolean {
  return /^\/v1\/(?:sandbox|pool)(?:\/|$)/.test(path)
}
