import type { ExecOptions, ExecResult, Sandbox } from "@mayfly/platform"
import { fromTaggedJson } from "@mayfly/protocol"
import type { Context, Handler } from "hono"
import { streamSSE } from "hono/streaming"
import { errorBody, publicError } from "./error-response.ts"
import { asRecord, checkFields, invalid } from "./parse-fields.ts"
import { readJsonBody } from "./read-json-body.ts"
import { type SandboxRouteOptions, sandboxOf } from "./sandbox-of.ts"
import { unexpected } from "./server-log.ts"
import { wantsEvents } from "./wants-events.ts"

interface Call {
  readonly sandbox: Sandbox
  readonly command: string | readonly string[]
  readonly options: ExecOptions
}

const fields = ["command", "cwd", "env", "stdin", "timeoutMs", "maxOutputBytes"]
const maxOutputBytes = 16 << 20
const beatMs = 15_000

/** `POST /v1/sandboxes/:id/exec`: a command to its end. The client's going away kills it. */
export function execRoute(options: SandboxRouteOptions): Handler {
  return async (c) => {
    using held = new DisposableStack()
    held.use(options.slots.take())
    const body = held.use(await readJsonBody(c.req.raw, options.body))
    const parsed = parseExec(body.value)
    const call = { ...parsed, sandbox: await sandboxOf(c, options.platform) }
    if (wantsEvents(c.req.header("accept"))) return streamExec(c, call, options, held.move())
    const signal = AbortSignal.any([c.req.raw.signal, options.stopping])
    const { stdoutBytes: _out, stderrBytes: _err, ...result } = await run(call, { signal })
    return c.json(result)
  }
}

/** Output as it comes; a client that does not read holds the command up. */
function streamExec(c: Context, call: Call, { stopping, log }: SandboxRouteOptions, held: Disposable): Response {
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, c.req.raw.signal, stopping])
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => gone.abort())
    const beat = setInterval(() => void stream.write(": still running\n\n"), beatMs)
    const send = (event: string, data: object): Promise<void> =>
      stream.writeSSE({ event, data: JSON.stringify({ type: event, ...data }) })
    try {
      // Nothing needs to be kept of what has been sent.
      const result = await run(call, { signal, maxOutputBytes: 1, onOutput: (chunk) => send("output", chunk) })
      const { exitCode, success, signal: killedBy, timedOut, durationMs } = result
      await send("result", { exitCode, success, signal: killedBy, timedOut, durationMs })
    } catch (error) {
      const requestId = String(c.get("requestId"))
      const known = publicError(error)
      if (known !== error) log(unexpected(error, requestId))
      await send("error", errorBody(known, requestId))
    } finally {
      clearInterval(beat)
      held[Symbol.dispose]()
    }
  })
}

function run({ sandbox, command, options }: Call, more: ExecOptions): Promise<ExecResult> {
  return sandbox.exec(command, { ...options, ...more })
}

/** The sandbox checks command, cwd, env and timeoutMs. */
function parseExec(value: unknown): Omit<Call, "sandbox"> {
  const given = asRecord(value, "the request body")
  checkFields(given, fields, "")
  const { command, stdin, maxOutputBytes: kept = maxOutputBytes, ...rest } = given
  if (typeof kept !== "number" || !Number.isInteger(kept) || kept < 1 || kept > maxOutputBytes)
    throw invalid("maxOutputBytes", `must be a whole number from 1 to ${maxOutputBytes}`)
  const input = stdin === undefined ? {} : { stdin: parseInput(stdin) }
  return { command: command as string, options: { ...rest, ...input, maxOutputBytes: kept } }
}

function parseInput(value: unknown): string | Uint8Array {
  if (typeof value === "string") return value
  const bytes = typeof value === "object" && value !== null ? fromTaggedJson(value) : undefined
  if (bytes instanceof Uint8Array) return bytes
  throw invalid("stdin", 'must be a string, or bytes as { "$bytes": base64 }')
}
