/** A tool as an MCP server lists it. */
export interface McpTool {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: unknown
  readonly outputSchema?: unknown
}

/** The part of an MCP client that is needed; `Client` of `@modelcontextprotocol/sdk` has it. */
export interface McpClient {
  callTool(call: { name: string; arguments?: Record<string, unknown> }): Promise<unknown>
}

/** The value that a tool's result stands for: structured content, or its text, parsed where it is JSON. Throws what the tool says went wrong. */
export function mcpValue(answer: unknown): unknown {
  const { toolResult, isError, structuredContent, content } = (answer ?? {}) as Readonly<Record<string, unknown>>
  if (toolResult !== undefined) return toolResult
  const texts = textsOf(content)
  if (isError === true) throw new Error(texts.parts.join("\n") || "the tool call failed")
  if (structuredContent !== undefined && structuredContent !== null) return structuredContent
  if (!texts.isOnlyText) return answer
  const text = texts.parts.join("\n")
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function textsOf(content: unknown): { parts: string[]; isOnlyText: boolean } {
  const items = Array.isArray(content) ? (content as readonly { type?: unknown; text?: unknown }[]) : []
  const parts = items.flatMap(({ type, text }) => (type === "text" && typeof text === "string" ? [text] : []))
  return { parts, isOnlyText: items.length > 0 && parts.length === items.length }
}
