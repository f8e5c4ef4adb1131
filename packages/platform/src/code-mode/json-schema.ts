/** A JSON Schema of any draft, as far as this code looks into it. It may come from an MCP server: nothing in it is trusted. */
export type JsonSchema = boolean | JsonSchemaObject

export type JsonSchemaObject = Readonly<Record<string, unknown>>

/** What JSON Schema can't say but generated code can pass; set by us when a zod schema is converted. */
export const nativeTypeKey = "x-mayfly-type"
export const nativeTypes = new Set<unknown>(["Date", "bigint", "Map<unknown, unknown>", "Set<unknown>"])

export function isSchemaObject(value: unknown): value is JsonSchemaObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

export function isJsonSchema(value: unknown): value is JsonSchema {
  return typeof value === "boolean" || isSchemaObject(value)
}
