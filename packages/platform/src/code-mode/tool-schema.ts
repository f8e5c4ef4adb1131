import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema"
import { MayflyError } from "@mayfly/protocol"
import { isTimeout, withinTime } from "./within-time.ts"
import { isJsonSchema, isSchemaObject, type JsonSchema, nativeTypeKey } from "./json-schema.ts"

export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problems: readonly string[] }

/** A tool's schema, whatever it was written with. */
export interface ToolSchema {
  /** Undefined when only the schema's library knows what it says. */
  readonly json: JsonSchema | undefined
  check(value: unknown): Promise<Checked>
}

const maxProblems = 10
/** Longest that the supervisor may be held up by one check. */
const maxCheckMs = 200
/** Most values in the arguments of one call. */
const maxValues = 100_000

/**
 * Reads a zod (4.2 or later) or other Standard Schema, the AI SDK's `jsonSchema()`, or a plain JSON Schema. `side` says which side of a schema that
 * transforms is meant. Throws `input.invalid` for anything else.
 */
export function parseToolSchema(given: unknown, side: "input" | "output", path: string): ToolSchema {
  const schema: unknown = typeof given === "function" && !("~standard" in given) ? (given as () => unknown)() : given
  const { json, check } = readSchema(schema, side, path)
  return {
    json,
    async check(value) {
      try {
        return await check(value)
      } catch (error) {
        // Data that JSON does not know or that refers to itself, or a check that took too long.
        const reason = isTimeout(error)
          ? `checking it took more than ${maxCheckMs} ms`
          : error instanceof Error
            ? error.message
            : String(error)
        return { ok: false, problems: [`input: ${reason}`] }
      }
    },
  }
}

function readSchema(schema: unknown, side: "input" | "output", path: string): ToolSchema {
  if (isBoxed(schema) && isSchemaObject(schema["~standard"])) return standardSchema(schema["~standard"], side, path)
  if (isBoxed(schema) && "jsonSchema" in schema) return wrappedSchema(schema, path)
  if (isJsonSchema(schema)) return plainSchema(schema)
  throw invalid(path, "must be a zod schema, a JSON Schema, or jsonSchema() of the AI SDK")
}

/** Schema libraries make functions and objects. */
function isBoxed(value: unknown): value is Readonly<Record<string, unknown>> {
  return isSchemaObject(value) || typeof value === "function"
}

type Convert = (options: { target: string; libraryOptions: unknown }) => unknown
type Validate = (value: unknown) => unknown

/** https://standardschema.dev, with its JSON Schema extension. */
function standardSchema(
  standard: Readonly<Record<string, unknown>>,
  side: "input" | "output",
  path: string,
): ToolSchema {
  const { jsonSchema, vendor } = standard
  const validate = standard["validate"] as Validate
  if (!isSchemaObject(jsonSchema) || typeof jsonSchema[side] !== "function") {
    const hint = vendor === "zod" ? "use zod 4.2 or later" : "its library can't write JSON Schema"
    throw invalid(path, `can't be turned into declarations: ${hint}`)
  }
  return {
    json: convertStandard(jsonSchema[side] as Convert),
    async check(value) {
      const result = (await withinTime(() => validate(value), maxCheckMs)) as {
        value: unknown
        issues?: readonly Issue[]
      }
      if (result.issues === undefined) return { ok: true, value: result.value }
      return { ok: false, problems: result.issues.slice(0, maxProblems).map(issueText) }
    },
  }
}

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[]
}

function issueText({ message, path = [] }: Issue): string {
  const names = path.map((part) => String(typeof part === "object" ? part.key : part))
  return `${names.length === 0 ? "input" : names.join(".")}: ${message}`
}

/** A schema that says what JSON can't, such as a transform's output, has no declaration: `unknown`. */
function convertStandard(convert: Convert): JsonSchema | undefined {
  try {
    const json = convert({ target: "draft-2020-12", libraryOptions: { unrepresentable: "any", override: nameNative } })
    return isJsonSchema(json) ? json : undefined
  } catch {
    return undefined
  }
}

const zodNatives = new Map<unknown, string>([
  ["date", "Date"],
  ["bigint", "bigint"],
  ["map", "Map<unknown, unknown>"],
  ["set", "Set<unknown>"],
])

/** zod's hook: these have no JSON, but cross into the isolate and back as they are. */
function nameNative(context: {
  zodSchema?: { _zod?: { def?: { type?: unknown } } }
  jsonSchema: Record<string, unknown>
}): void {
  const native = zodNatives.get(context.zodSchema?._zod?.def?.type)
  if (native !== undefined) context.jsonSchema[nativeTypeKey] = native
}

/** `jsonSchema()` of the AI SDK. Its JSON may still be a promise, which a description can't wait for. */
function wrappedSchema(schema: Readonly<Record<string, unknown>>, path: string): ToolSchema {
  const { jsonSchema, validate } = schema
  if (!isJsonSchema(jsonSchema) || jsonSchema instanceof Promise)
    throw invalid(path, "has no JSON Schema yet; give it when it is there")
  const plain = plainSchema(jsonSchema)
  if (typeof validate !== "function") return plain
  return {
    json: jsonSchema,
    async check(value) {
      const result = (await withinTime(() => (validate as Validate)(value), maxCheckMs)) as {
        success: boolean
        value?: unknown
        error?: Error
      }
      return result.success
        ? { ok: true, value: result.value }
        : { ok: false, problems: [result.error?.message ?? "it does not fit the schema"] }
    },
  }
}

function plainSchema(json: JsonSchema): ToolSchema {
  // Stopping at the first error: some keywords report one for each pair of items.
  const first = new Validator(json as Schema | boolean, draftOf(json), true)
  const all = new Validator(json as Schema | boolean, draftOf(json), false)
  return {
    json,
    async check(given) {
      const copied = { count: 0 }
      const value = withoutUndefined(given, copied)
      const { valid, errors } = withinTime(() => first.validate(value), maxCheckMs)
      if (valid) return { ok: true, value }
      const more = copied.count > maxValuesForAll ? errors : withinTime(() => all.validate(value), maxCheckMs).errors
      return { ok: false, problems: problemsOf(more) }
    },
  }
}

const maxValuesForAll = 500

/** The first lines say only that some part is wrong; the last of a chain says what. */
function problemsOf(errors: readonly OutputUnit[]): string[] {
  const leaves = errors.filter(({ keyword }) => !wrappers.has(keyword))
  const problems = (leaves.length === 0 ? errors : leaves).map(
    ({ instanceLocation, error }) => `${placeOf(instanceLocation)}: ${error}`,
  )
  return [...new Set(problems)].slice(0, maxProblems)
}

const wrappers = new Set(["properties", "items", "prefixItems", "$ref", "additionalProperties", "allOf"])

function placeOf(instanceLocation: string): string {
  const names = instanceLocation
    .replace(/^#\/?/, "")
    .split("/")
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"))
  return names.join(".") === "" ? "input" : names.join(".")
}

function draftOf(schema: JsonSchema): "7" | "2019-09" | "2020-12" {
  const { $schema } = isSchemaObject(schema) ? schema : {}
  if (typeof $schema !== "string") return "2020-12"
  if (/draft-0?[4-7]/.test($schema)) return "7"
  return $schema.includes("2019-09") ? "2019-09" : "2020-12"
}

/** `{ days: undefined }` means that it was not given, as in JSON. */
function withoutUndefined(value: unknown, copied: { count: number }): unknown {
  if (++copied.count > maxValues) throw new RangeError(`it has more than ${maxValues} values`)
  if (Array.isArray(value)) return value.map((item) => withoutUndefined(item, copied))
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutUndefined(field, copied)]))
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
