import type { ExecOptions, ExecResult, Sandbox } from "@mayfly/platform"
import { fromTaggedJson } from "@mayfly/protocol"
import type { z } from "zod"
import { eventStream } from "./event-stream.ts"
import { invalid } from "./parse-fields.ts"
import type { Call } from "./route/call.ts"
import { route } from "./route/route.ts"
import { sandboxOf, sandboxParams } from "./sandbox-of.ts"
import { tenantQuery } from "./schema/common.ts"
import { execEvents, execRequest, execResult } from "./schema/sandbox.ts"
import { wantsEvents } from "./wants-events.ts"

interface Command {
  readonly sandbox: Sandbox
  readonly command: string | readonly string[]
  readonly options: ExecOptions
}

const maxOutputBytes = 16 << 20

export const execRoute = route({
  method: "post",
  path: "/v1/sandboxes/:id/exec",
  scope: "sandboxes",
  tag: "Sandboxes",
  summary: "Run a command to its end",
  description:
    "200 also when the command failed. The client's going away kills it. With `Accept: text/event-stream` output comes as it is made; a client that does not read holds the command up.",
  place: "sandboxes",
  params: sandboxParams,
  query: tenantQuery,
  body: execRequest,
  answer: { description: "How it ended.", json: execResult, events: execEvents },
  errors: ["sandbox.not-found", "sandbox.crashed", "sandbox.limit"],
  async handle(call) {
    const command = { ...parseExec(call.body), sandbox: await sandboxOf(call) }
    if (wantsEvents(call.c.req.header("accept"))) return streamExec(call, command)
    const { stdoutBytes: _out, stderrBytes: _err, ...result } = await run(command, { signal: call.signal })
    return result
  },
})

function streamExec(call: Call, command: Command): Response {
  return eventStream(call, async ({ send, signal }) => {
    const sendEvent = (event: string, data: object): Promise<void> =>
      send({ event, data: JSON.stringify({ type: event, ...data }) })
    // Nothing needs to be kept of what has been sent.
    const result = await run(command, { signal, maxOutputBytes: 1, onOutput: (chunk) => sendEvent("output", chunk) })
    const { exitCode, success, signal: killedBy, timedOut, durationMs } = result
    await sendEvent("result", { exitCode, success, signal: killedBy, timedOut, durationMs })
  })
}

function run({ sandbox, command, options }: Command, more: ExecOptions): Promise<ExecResult> {
  return sandbox.exec(command, { ...options, ...more })
}

/** The sandbox checks command, cwd, env and timeoutMs. */
function parseExec(body: z.output<typeof execRequest>): Omit<Command, "sandbox"> {
  const { command, stdin, maxOutputBytes: kept = maxOutputBytes, ...rest } = body
  if (typeof kept !== "number" || !Number.isInteger(kept) || kept < 1 || kept > maxOutputBytes)
    throw invalid("maxOutputBytes", `must be a whole number from 1 to ${maxOutputBytes}`)
  const input = stdin === undefined ? {} : { stdin: parseInput(stdin) }
  return { command: command as string, options: { ...(rest as ExecOptions), ...input, maxOutputBytes: kept } }
}

function parseInput(value: unknown): string | Uint8Array {
  if (typeof value === "string") return value
  const bytes = typeof value === "object" && value !== null ? fromTaggedJson(value) : undefined
  if (bytes instanceof Uint8Array) return bytes
  throw invalid("stdin", 'must be a string, or bytes as { "$bytes": base64 }')
}
