import type { LogLine, RunJson } from "@mayfly/protocol"
import type { McpServer } from "@modelcontextprotocol/server"
import { z } from "zod"
import type { McpOptions } from "./mcp-api.ts"
import { networkFor } from "./network-for.ts"
import { answering, json, signalOf, toolResult } from "./tool-result.ts"

const input = z.object({
  code: z
    .string()
    .describe(
      "JavaScript or TypeScript: `export default async (input, env) => …`, a bare function, or a body with `return`. A Markdown fence is fine. " +
        "Web APIs (fetch, crypto, URL, streams) are there; files, processes and packages are not.",
    ),
  input: z.unknown().optional().describe("Given to the program as its first argument (JSON)."),
  origins: z
    .array(z.string())
    .optional()
    .describe(
      "Origins it needs to reach, such as https://api.example.com. Only those that the operator allows are reachable.",
    ),
  ask: z
    .boolean()
    .optional()
    .describe(
      "Ask a person about other origins; the request waits for the answer for a while. Default false: denied at once.",
    ),
  cpu_ms: z.number().int().positive().optional().describe("CPU time. Default 5000."),
  wall_ms: z.number().int().positive().optional().describe("Time. Default 30000."),
  memory_mb: z.number().int().positive().optional().describe("Default 128."),
})

const output = z.object({
  ok: z.boolean(),
  id: z.string().optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
  logs: z.array(z.object({ level: z.string(), message: z.string() })).optional(),
  usage: z.record(z.string(), z.number()).optional(),
  denied: z.array(z.object({ origin: z.string(), reason: z.string() })).optional(),
})

/** `run_code`: one program, one call, in a fresh isolate. */
export function addRunTool(server: McpServer, { api, allowedOrigins = [] }: McpOptions): void {
  const reach = allowedOrigins.length === 0 ? "It reaches no network." : `It may reach: ${allowedOrigins.join(", ")}.`
  server.registerTool(
    "run_code",
    {
      title: "Run code",
      description: `Runs a JavaScript or TypeScript program in a fresh, isolated sandbox with limits, and gives its result and logs. Nothing is kept between calls. ${reach}`,
      inputSchema: input,
      outputSchema: output,
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: allowedOrigins.length > 0 },
    },
    (given, context) =>
      answering(async () => {
        const limits = { cpuMs: given.cpu_ms, wallMs: given.wall_ms, memoryMb: given.memory_mb }
        const network = networkFor({ origins: given.origins, ask: given.ask, allowed: allowedOrigins })
        const body = { script: given.code, input: given.input, limits: definedOf(limits), network }
        const run = (await api.call("POST", "/v1/run", definedOf(body), signalOf(context))) as RunJson
        const { id, ok, result, error, logs, usage } = run
        const denied = deniedIn(run)
        const data = { ok, id, result, error, logs: logs.map(withoutTime), usage, denied }
        return toolResult(textOf(run, denied), definedOf(data), !ok)
      }),
  )
}

export type Denied = readonly { readonly origin: string; readonly reason: string }[]

function deniedIn({ egress }: RunJson): Denied {
  const denied = egress.filter(({ decision }) => decision !== "allow")
  return denied.map(({ origin, reason }) => ({ origin, reason: reason ?? "not allowed" }))
}

function textOf({ ok, result, error, logs }: RunJson, denied: Denied): string {
  const outcome = ok ? `Result:\n${json(result)}` : failureOf(error)
  const refused = denied.map(
    ({ origin }) => `Denied: ${origin}. Use an origin that is allowed, or set ask to true so that a person is asked.`,
  )
  const lines = logs.map(({ level, message }) => `[${level}] ${message}`)
  const log = lines.length === 0 ? [] : [`Logs:\n${lines.join("\n")}`]
  return [outcome, ...refused, ...log].join("\n\n")
}

/** Where a program threw tells more than the general advice. */
function failureOf(error: RunJson["error"]): string {
  const { code = "", message = "", fix = "", details = {} } = error ?? {}
  const stack = details["stack"]
  if (code === "worker.guest" && typeof stack === "string") return `Failed: ${stack}`
  const line = typeof details["line"] === "number" ? ` (line ${details["line"]})` : ""
  return `Failed: ${code}: ${message}${line}${code === "mesh.denied" ? "" : `\nWhat to change: ${fix}`}`
}

function withoutTime({ level, message }: LogLine): { level: string; message: string } {
  return { level, message }
}

/** What is undefined was not given. */
export function definedOf(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
