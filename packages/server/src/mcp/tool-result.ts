import type { CallToolResult, ServerContext } from "@modelcontextprotocol/server"
import { MayflyError } from "@mayfly/protocol"

/** More than this of one text only fills the agent's context. */
const maxText = 40_000

/** A tool's answer: text for the model, and the same as data. */
export function toolResult(text: string, data: Record<string, unknown>, isError = false): CallToolResult {
  return { content: [{ type: "text", text: cut(text) }], structuredContent: data, ...(isError ? { isError } : {}) }
}

/** Runs a tool. A coded error becomes its answer, with what to change: agents read it and try again. */
export async function answering(act: () => Promise<CallToolResult>): Promise<CallToolResult> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error
    const { code, message, fix, retry, details } = error
    return {
      content: [{ type: "text", text: cut(`${code}: ${message}\nWhat to change: ${fix}`) }],
      structuredContent: { ok: false, error: { code, message, fix, retry, details } },
      isError: true,
    }
  }
}

export function cut(text: string, most = maxText): string {
  if (text.length <= most) return text
  return `${text.slice(0, most)}\n… ${text.length - most} more characters`
}

export function signalOf(context: ServerContext): AbortSignal {
  return context.mcpReq.signal
}

export function json(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "undefined"
}
