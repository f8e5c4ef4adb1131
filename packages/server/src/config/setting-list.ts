import { z } from "zod"
import { type SettingMeta, settingsSchema } from "./settings.ts"

/** One setting: a leaf of the schema. */
export interface Setting extends SettingMeta {
  /** "log.level" */
  readonly name: string
  readonly variable: string
  readonly schema: z.ZodType
  /** What it may be, in words. */
  readonly type: string
  readonly default: unknown
}

/** All settings, in the order of the schema. */
export const settingList: readonly Setting[] = leavesOf(settingsSchema, [])

function leavesOf(schema: z.ZodObject, above: readonly string[]): Setting[] {
  return Object.entries(schema.shape).flatMap(([key, given]) => {
    const part = given as z.ZodType
    const path = [...above, key]
    return part instanceof z.ZodObject ? leavesOf(part, path) : [leaf(part, path.join("."))]
  })
}

function leaf(schema: z.ZodType, name: string): Setting {
  const meta = z.globalRegistry.get(schema) as SettingMeta | undefined
  if (meta === undefined) throw new Error(`the setting ${name} has no description`)
  const parsed = schema.safeParse(undefined)
  const described = z.toJSONSchema(schema, { io: "input" }) as JsonSchema
  return { ...meta, name, variable: variableOf(name), schema, type: typeText(described), default: parsed.data }
}

/** "log.level": MAYFLY_LOG_LEVEL */
function variableOf(name: string): string {
  return `MAYFLY_${name.replaceAll(".", "_").replaceAll(/[A-Z]/g, "_$&").toUpperCase()}`
}

interface JsonSchema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly format?: string
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

function typeText(schema: JsonSchema): string {
  const { type, anyOf, minimum = 0, maximum = 0, items } = schema
  if (anyOf !== undefined) return anyOf.map(typeText).join(", or ")
  if (schema.enum !== undefined) return schema.enum.join(", ").replace(/, ([^,]*)$/, " or $1")
  if (type === "integer")
    return maximum >= Number.MAX_SAFE_INTEGER ? "a whole number" : `a whole number from ${minimum} to ${maximum}`
  if (type === "number") return `a number from ${minimum} to ${maximum}`
  if (type === "boolean") return "true or false"
  if (type === "null") return "null"
  if (type === "array") return items?.format === "uri" ? "a list of http or https URLs" : "a list of texts"
  if (type === "object") return "an object of texts"
  return schema.format === "uri" ? "an http or https URL" : "a text"
}
