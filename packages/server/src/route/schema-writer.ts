import { z } from "zod"
import { documentOf } from "./documented.ts"

type Json = Record<string, unknown>
type Direction = "input" | "output"

/** Schemas as JSON Schema. Those with an id (`.meta({ id })`) are written once, among the components. */
export class SchemaWriter {
  readonly #components = new Map<string, Json>()

  /** A reference for a schema with an id, else the schema itself. */
  write(schema: z.ZodType, io: Direction): Json {
    const json = z.toJSONSchema(schema, {
      io,
      unrepresentable: "any",
      override: ({ zodSchema, jsonSchema }) => this.#document(zodSchema, jsonSchema, io),
    }) as Json
    const { $schema: _, $defs: definitions = {}, ...rest } = json
    for (const [id, definition] of Object.entries(definitions as Record<string, Json>)) this.#add(id, definition)
    return componentReferences(rest) as Json
  }

  components(): Json {
    return Object.fromEntries([...this.#components].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  #document(schema: z.core.$ZodType, json: Json, io: Direction): void {
    // What answers hold may grow; only strict objects refuse what they don't know.
    if (schema instanceof z.ZodObject && schema.def.catchall === undefined) delete json["additionalProperties"]
    // zod's bounds of what is a safe integer say nothing to a reader.
    if (json["minimum"] === Number.MIN_SAFE_INTEGER) delete json["minimum"]
    if (json["maximum"] === Number.MAX_SAFE_INTEGER) delete json["maximum"]
    const said = documentOf(schema)
    if (said !== undefined) {
      const { description } = json
      for (const key of Object.keys(json)) delete json[key]
      Object.assign(json, this.write(said, io), description === undefined ? {} : { description })
    }
    // Known to zod as the name of a component, and to JSON Schema as nothing.
    delete json["id"]
  }

  #add(id: string, json: Json): void {
    const { id: _, ...rest } = componentReferences(json) as Json
    const known = this.#components.get(id)
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(rest))
      throw new Error(`two schemas have the id "${id}", or it differs as input and as output`)
    this.#components.set(id, rest)
  }
}

/** zod writes `#/$defs/X`, OpenAPI wants `#/components/schemas/X`. */
function componentReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(componentReferences)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [
    key,
    key === "$ref" && typeof inner === "string"
      ? inner.replace("#/$defs/", "#/components/schemas/")
      : componentReferences(inner),
  ])
  return Object.fromEntries(entries)
}
