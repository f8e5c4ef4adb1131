import {
  isJsonSchema,
  isSchemaObject,
  type JsonSchema,
  type JsonSchemaObject,
  nativeTypeKey,
  nativeTypes,
} from "./json-schema.ts"

const maxDepth = 24
const maxComment = 500

/**
 * Turns JSON Schemas into TypeScript types. What a schema refers to becomes a named type, so that recursive schemas work. Small and synchronous on
 * purpose: json-schema-to-typescript is neither, and what TypeScript can't say (lengths, patterns) is checked when the tool is called.
 */
export class SchemaTypes {
  /** Declarations of the named types that were needed, in order. */
  readonly declarations: string[] = []
  readonly #names = new Set<string>()

  /** The type of one schema. `prefix` begins the names of what it refers to. */
  typeOf(schema: JsonSchema, prefix: string): string {
    return new Conversion(schema, (wanted) => this.#newName(prefix + pascalCase(wanted)), this.declarations).convert(
      schema,
      0,
    )
  }

  #newName(base: string): string {
    let name = base
    for (let number = 2; this.#names.has(name); number++) name = `${base}${number}`
    this.#names.add(name)
    return name
  }
}

class Conversion {
  readonly #root: JsonSchema
  readonly #newName: (wanted: string) => string
  readonly #declarations: string[]
  readonly #byReference = new Map<string, string>()

  constructor(root: JsonSchema, newName: (wanted: string) => string, declarations: string[]) {
    this.#root = root
    this.#newName = newName
    this.#declarations = declarations
  }

  convert(schema: unknown, depth: number): string {
    if (schema === false) return "never"
    if (!isSchemaObject(schema) || depth > maxDepth) return "unknown"
    const type = this.#main(schema, depth)
    return schema["nullable"] === true && type !== "unknown" ? union([type, "null"]) : type
  }

  #main(schema: JsonSchemaObject, depth: number): string {
    const { $ref, anyOf, oneOf, allOf } = schema
    if (nativeTypes.has(schema[nativeTypeKey])) return String(schema[nativeTypeKey])
    if (typeof $ref === "string") return this.#reference($ref, depth)
    if (Array.isArray(schema["enum"])) return schema["enum"].length === 0 ? "never" : union(schema["enum"].map(literal))
    if (schema["const"] !== undefined) return literal(schema["const"])
    const parts = [
      ...[anyOf, oneOf].flatMap((choices) =>
        isNonEmpty(choices) ? [union(choices.map((choice) => this.convert(choice, depth + 1)))] : [],
      ),
      ...(isNonEmpty(allOf) ? allOf.map((part) => this.convert(part, depth + 1)) : []),
      ...(schema["properties"] !== undefined || !(isNonEmpty(anyOf) || isNonEmpty(oneOf) || isNonEmpty(allOf))
        ? [this.#typed(schema, depth)]
        : []),
    ]
    return intersection(parts)
  }

  #typed(schema: JsonSchemaObject, depth: number): string {
    const { type } = schema
    if (Array.isArray(type)) return union(type.map((one) => this.#named(one, schema, depth)))
    if (type !== undefined) return this.#named(type, schema, depth)
    if (schema["properties"] !== undefined) return this.#object(schema, depth)
    return schema["items"] !== undefined || schema["prefixItems"] !== undefined ? this.#array(schema, depth) : "unknown"
  }

  #named(type: unknown, schema: JsonSchemaObject, depth: number): string {
    switch (type) {
      case "string":
      case "boolean":
      case "null":
      case "number":
        return type
      case "integer":
        return "number"
      case "array":
        return this.#array(schema, depth)
      case "object":
        return this.#object(schema, depth)
      default:
        return "unknown"
    }
  }

  #array(schema: JsonSchemaObject, depth: number): string {
    const { items, prefixItems } = schema
    const tuple = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : undefined
    if (tuple === undefined) return arrayOf(isJsonSchema(items) ? this.convert(items, depth + 1) : "unknown")
    const rest = Array.isArray(items) ? schema["additionalItems"] : items
    const more = rest === false ? [] : [`...${arrayOf(isJsonSchema(rest) ? this.convert(rest, depth + 1) : "unknown")}`]
    return `[${[...tuple.map((item) => this.convert(item, depth + 1)), ...more].join(", ")}]`
  }

  #object(schema: JsonSchemaObject, depth: number): string {
    const properties = isSchemaObject(schema["properties"]) ? Object.entries(schema["properties"]) : []
    const more = schema["additionalProperties"]
    const isOpen = isJsonSchema(more) && more !== false
    if (properties.length === 0) {
      return more === false ? "{}" : `Record<string, ${isOpen ? this.convert(more, depth + 1) : "unknown"}>`
    }
    const required = new Set<unknown>(Array.isArray(schema["required"]) ? schema["required"] : [])
    const members = properties.map(([name, property]) => {
      const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
      return `${commentOf(property)}${key}${required.has(name) ? "" : "?"}: ${this.convert(property, depth + 1)}`
    })
    if (isOpen) members.push("[name: string]: unknown")
    return `{\n${members.join("\n").replace(/^/gm, "  ")}\n}`
  }

  #reference(reference: string, depth: number): string {
    const known = this.#byReference.get(reference)
    if (known !== undefined) return known
    const target = resolve(reference, this.#root)
    if (target === undefined) return "unknown"
    const name = this.#newName(reference === "#" ? "root" : (reference.split("/").at(-1) ?? ""))
    this.#byReference.set(reference, name)
    const place = this.#declarations.push("") - 1
    this.#declarations[place] = `type ${name} = ${this.convert(target, depth + 1)}`
    return name
  }
}

/** A JSON pointer into the same document; others are never fetched. */
function resolve(reference: string, root: JsonSchema): JsonSchema | undefined {
  if (!reference.startsWith("#")) return undefined
  let at: unknown = root
  for (const part of reference.slice(1).split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~")
    if ((!isSchemaObject(at) && !Array.isArray(at)) || !Object.hasOwn(at, key)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[key]
  }
  return isJsonSchema(at) ? at : undefined
}

/** A comment above a member, or nothing. */
function commentOf(schema: unknown): string {
  if (!isSchemaObject(schema)) return ""
  const { description, format } = schema
  const parts = [
    ...(typeof description === "string" ? [description] : []),
    ...(typeof format === "string" ? [`(${format})`] : []),
    ...(schema["default"] === undefined ? [] : [`Default ${JSON.stringify(schema["default"])}.`]),
  ]
  return comment(parts.join(" "))
}

/** One line of documentation that can't end early. */
export function comment(text: string): string {
  const line = text.replace(/\s+/g, " ").trim().slice(0, maxComment).replaceAll("*/", "*\\/")
  return line === "" ? "" : `/** ${line} */\n`
}

export function pascalCase(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
  const joined = words.join("")
  return /^[A-Za-z]/.test(joined) ? joined : `T${joined}`
}

/** `__proto__` in a literal would be a prototype; quoted it is a name. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`
  if (isSchemaObject(value))
    return `{ ${Object.entries(value)
      .map(([name, field]) => `${JSON.stringify(name)}: ${literal(field)}`)
      .join("; ")} }`
  return JSON.stringify(value) ?? "unknown"
}

function isNonEmpty(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0
}

function union(types: readonly string[]): string {
  return types.includes("unknown") ? "unknown" : [...new Set(types)].join(" | ")
}

function intersection(types: readonly string[]): string {
  const known = [...new Set(types)].filter((type) => type !== "unknown")
  if (known.length < 2) return known[0] ?? "unknown"
  return known.map((type) => (/ \| /.test(type) ? `(${type})` : type)).join(" & ")
}

function arrayOf(type: string): string {
  return /^[\w.]+(?:\[\])*$/.test(type) ? `${type}[]` : `Array<${type}>`
}
