import { MayflyError, filePathSegments, pathSegment } from "@mayfly/protocol"
import type { McpServer } from "@modelcontextprotocol/server"
import { z } from "zod"
import type { McpOptions } from "./mcp-api.ts"
import { definedOf } from "./run-tool.ts"
import { answering, cut, json, signalOf, toolResult } from "./tool-result.ts"

const sandbox = z.string().default("agent").describe("Which sandbox; made at its first use. Default `agent`.")
const maxFileBytes = 1 << 20

interface Executed {
  readonly exitCode: number | null
  readonly stdout: unknown
  readonly stderr: unknown
}

/** Tools for a persistent shell and its files. */
export function addSandboxTools(server: McpServer, { api, allowedOrigins = [] }: McpOptions): void {
  const at = (id: string, rest = ""): string => `/v1/sandboxes/${pathSegment(id)}${rest}`
  const fileAt = (id: string, path: string): string => at(id, `/files/${filePathSegments(path)}`)

  /** There, or made now. */
  async function open(id: string, signal: AbortSignal): Promise<void> {
    try {
      await api.call("GET", at(id), undefined, signal)
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== "sandbox.not-found") throw error
      await api.call("POST", "/v1/sandboxes", { id, network: { allowedOrigins: [...allowedOrigins] } }, signal)
    }
  }

  server.registerTool(
    "sandbox_exec",
    {
      title: "Run a command in a sandbox",
      description:
        "Runs a bash command line in a Linux sandbox whose files persist: builds, git, Python, tests. The working directory is /workspace. " +
        (allowedOrigins.length === 0 ? "It reaches no network." : `It may reach: ${allowedOrigins.join(", ")}.`),
      inputSchema: z.object({
        sandbox,
        command: z.string(),
        cwd: z.string().optional(),
        timeout_ms: z.number().int().positive().max(600_000).optional().describe("Default 60000."),
      }),
    },
    ({ sandbox: id, command, cwd, timeout_ms: timeoutMs = 60_000 }, context) =>
      answering(async () => {
        const signal = signalOf(context)
        await open(id, signal)
        const body = definedOf({ command, cwd, timeoutMs })
        const done = (await api.call("POST", at(id, "/exec"), body, signal)) as Executed
        const stdout = textOf(done.stdout)
        const stderr = textOf(done.stderr)
        const text = [`exit code ${String(done.exitCode)}`, stdout, stderr === "" ? "" : `stderr:\n${stderr}`]
        const data = { exitCode: done.exitCode, stdout: cut(stdout), stderr: cut(stderr) }
        return toolResult(text.filter((part) => part !== "").join("\n"), data, done.exitCode !== 0)
      }),
  )
  server.registerTool(
    "sandbox_read_file",
    {
      title: "Read a file of a sandbox",
      description: "Text as it is, at most 1 MiB; other bytes as base64.",
      inputSchema: z.object({ sandbox, path: z.string() }),
      annotations: { readOnlyHint: true },
    },
    ({ sandbox: id, path }, context) =>
      answering(async () => {
        const { bytes, isCut } = await api.read(fileAt(id, path), maxFileBytes, signalOf(context))
        const text = utf8Of(bytes)
        const content = text === undefined ? { base64: Buffer.from(bytes).toString("base64") } : { text: cut(text) }
        return toolResult(text ?? `${bytes.length} bytes that are no text`, { path, isCut, ...content })
      }),
  )
  server.registerTool(
    "sandbox_write_file",
    {
      title: "Write a file of a sandbox",
      description: "Writes or replaces a file; folders on the way are made.",
      inputSchema: z.object({ sandbox, path: z.string(), content: z.string() }),
      annotations: { idempotentHint: true },
    },
    ({ sandbox: id, path, content }, context) =>
      answering(async () => {
        const signal = signalOf(context)
        await open(id, signal)
        const bytes = new TextEncoder().encode(content)
        await api.write(fileAt(id, path), bytes, signal)
        return toolResult(`wrote ${bytes.length} bytes to ${path}`, { path, bytes: bytes.length })
      }),
  )
  server.registerTool(
    "sandbox_list_files",
    {
      title: "List files of a sandbox",
      description: "The entries of a folder.",
      inputSchema: z.object({ sandbox, path: z.string().default(".") }),
      annotations: { readOnlyHint: true },
    },
    ({ sandbox: id, path }, context) =>
      answering(async () => {
        const query = new URLSearchParams({ path }).toString()
        const listed = (await api.call("GET", at(id, `/files?${query}`), undefined, signalOf(context))) as Record<
          string,
          unknown
        >
        return toolResult(json(listed), listed)
      }),
  )
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : json(value)
}

function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
