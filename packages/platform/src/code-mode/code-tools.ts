import { MayflyError } from "@mayfly/protocol"
import { comment, pascalCase, SchemaTypes } from "./schema-to-type.ts"
import { type Declarations, declareNamespace, type DeclaredMember } from "./declarations.ts"
import { isSchemaObject, type JsonSchema } from "./json-schema.ts"
import { type McpClient, type McpTool, mcpValue } from "./mcp-result.ts"
import { sanitizeToolName } from "./sanitize-tool-name.ts"
import { parseToolSchema, type ToolSchema } from "./tool-schema.ts"

/** A tool of the AI SDK, or anything of that form. Tools without `execute`, and those with `needsApproval`, are left out. */
export interface ToolDefinition {
  readonly description?: unknown
  /** A zod or other Standard Schema, the AI SDK's `jsonSchema()`, or a plain JSON Schema. */
  readonly inputSchema?: unknown
  readonly outputSchema?: unknown
  readonly needsApproval?: unknown
  // oxlint-disable-next-line typescript/no-explicit-any -- the AI SDK's tools are typed by their own schemas
  readonly execute?: ((input: any, options: any) => unknown) | undefined
}

export type ToolDefinitions = Readonly<Record<string, ToolDefinition>>

/** A namespace of the generated code. */
export type ToolNamespace =
  | { readonly name?: string; readonly tools: ToolDefinitions }
  /** The tools of an MCP server: what `listTools` gives, and the client that calls them. */
  | { readonly name?: string; readonly tools: readonly McpTool[]; readonly client: McpClient }

/** Tools of the namespace `codemode`, or several namespaces. */
export type CodeTools = ToolDefinitions | readonly ToolNamespace[]

/** One tool that generated code can call. */
export interface CallableTool {
  readonly name: string
  readonly input: ToolSchema | undefined
  call(input: unknown, options: unknown): unknown
}

export interface ParsedNamespace {
  readonly name: string
  readonly tools: readonly CallableTool[]
  readonly declarations: Declarations
}

interface Listed {
  readonly name: string
  readonly description: unknown
  readonly inputSchema: unknown
  readonly outputSchema: unknown
  call(input: unknown, options: unknown): unknown
}

/** Reads tools of all kinds and writes their declarations. Throws `input.invalid` naming the tool. */
export function parseCodeTools(given: CodeTools): ParsedNamespace[] {
  const types = new SchemaTypes()
  const namespaces: readonly ToolNamespace[] = Array.isArray(given)
    ? (given as readonly ToolNamespace[])
    : [{ tools: given as ToolDefinitions }]
  return namespaces.map((namespace, index) => {
    if (!isSchemaObject(namespace) || typeof namespace.tools !== "object")
      throw invalid(`tools[${index}]`, "must be an object with `tools`")
    return parseNamespace(namespace.name ?? "codemode", listTools(namespace), types)
  })
}

function listTools(namespace: ToolNamespace): Listed[] {
  const { tools, client } = namespace as { tools: readonly McpTool[] | ToolDefinitions; client?: McpClient }
  if (Array.isArray(tools)) {
    if (client === undefined)
      throw invalid("client", "is missing: a list of MCP tools needs the client that calls them")
    return (tools as readonly McpTool[]).map((tool) => mcpTool(tool, client))
  }
  return Object.entries(tools as ToolDefinitions).flatMap(([name, tool]) => {
    const { description, inputSchema, outputSchema, needsApproval, execute } = tool
    // Whoever has to be asked can't be asked in the middle of a run.
    if (execute === undefined || needsApproval === true || typeof needsApproval === "function") return []
    return [
      {
        name,
        description,
        inputSchema,
        outputSchema,
        call: (input: unknown, options: unknown) => Reflect.apply(execute, tool, [input, options]),
      },
    ]
  })
}

function mcpTool({ name, description, inputSchema, outputSchema }: McpTool, client: McpClient): Listed {
  const call = async (input: unknown): Promise<unknown> => {
    return mcpValue(await client.callTool({ name, arguments: (input ?? {}) as Record<string, unknown> }))
  }
  return { name, description, inputSchema, outputSchema, call }
}

function parseNamespace(name: string, listed: readonly Listed[], types: SchemaTypes): ParsedNamespace {
  const from = types.declarations.length
  const tools: CallableTool[] = []
  const members: DeclaredMember[] = []
  for (const tool of listed) {
    const path = `${name}.${tool.name}`
    const input = isGiven(tool.inputSchema)
      ? parseToolSchema(tool.inputSchema, "input", `the input schema of ${path}`)
      : undefined
    const output = isGiven(tool.outputSchema)
      ? parseToolSchema(tool.outputSchema, "output", `the output schema of ${path}`)
      : undefined
    tools.push({ name: tool.name, input, call: tool.call })
    members.push(declareTool(tool, input, output, types))
  }
  return { name, tools, declarations: declareNamespace(name, members, { types: types.declarations.slice(from) }) }
}

function declareTool(
  { name, description }: Listed,
  input: ToolSchema | undefined,
  output: ToolSchema | undefined,
  types: SchemaTypes,
): DeclaredMember {
  const safe = sanitizeToolName(name)
  const parameter = input === undefined ? "input?: any" : parameterOf(input.json, types, pascalCase(safe))
  // Not `unknown`: a result that nobody described must be usable without casts.
  const result = output?.json === undefined ? "any" : types.typeOf(output.json, `${pascalCase(safe)}Output`)
  return {
    name: safe,
    signature: `${safe}(${parameter}): Promise<${result}>`,
    comment: comment(typeof description === "string" ? description : ""),
  }
}

function parameterOf(json: JsonSchema | undefined, types: SchemaTypes, prefix: string): string {
  if (json === undefined) return "input: any"
  const needsNothing = isSchemaObject(json) && json["type"] === "object" && !isNonEmpty(json["required"])
  return `input${needsNothing ? "?" : ""}: ${types.typeOf(json, prefix)}`
}

function isGiven(schema: unknown): boolean {
  return schema !== undefined && schema !== null
}

function isNonEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
