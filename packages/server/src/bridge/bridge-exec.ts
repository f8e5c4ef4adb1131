import type { ExecOptions, Sandbox, SandboxShell } from "@mayfly/platform"
import { z } from "zod"
import { eventStream } from "../event-stream.ts"
import { publicError } from "../error-response.ts"
import { type Route, route } from "../route/route.ts"
import { given } from "../sandboxes/given-parts.ts"
import { answering, outside } from "./bridge-error.ts"
import { bridgeParams, bridgeQuery, bridgeSandbox, sessionOf, workspacePath } from "./bridge-sandbox.ts"

const text = z.string().describe("base64")

/** `POST /v1/sandbox/:id/exec`: always a stream; output as base64, then `exit` or `error`. */
export const bridgeExec: Route = route({
  method: "post",
  path: "/v1/sandbox/:id/exec",
  scope: "sandboxes",
  tag: "Cloudflare Sandbox bridge",
  place: "sandboxes",
  summary: "Run a command",
  description: "`Session-Id` runs it in a shell that keeps its state.",
  params: bridgeParams,
  query: bridgeQuery,
  body: z.looseObject({
    argv: z.array(z.string()).min(1),
    timeout_ms: z.number().optional(),
    cwd: z.string().optional(),
  }),
  answer: {
    description: "The stream ends with `exit` or `error`.",
    events: {
      stdout: text,
      stderr: text,
      exit: z.object({ exit_code: z.int() }),
      error: z.object({ error: z.string(), code: z.string() }),
    },
  },
  handle: (call) =>
    answering({ code: "exec_transport_error", what: "exec" }, call, async () => {
      const { argv, timeout_ms: timeoutMs, cwd: folder } = call.body
      const cwd = folder === undefined ? undefined : workspacePath(folder)
      if (folder !== undefined && cwd === undefined) return outside("cwd")
      const sandbox = await bridgeSandbox(call)
      const session = await sessionOf(sandbox, call.c.req.header("session-id"))
      return eventStream(call, async ({ send, signal }) => {
        const onOutput: ExecOptions["onOutput"] = ({ stream, text: piece }) =>
          send({ event: stream, data: Buffer.from(piece).toString("base64") })
        const options = { ...given({ timeoutMs }), signal, onOutput, maxOutputBytes: 1 }
        try {
          const exitCode = await run({ sandbox, session, argv, cwd }, options)
          await send({ event: "exit", data: JSON.stringify({ exit_code: exitCode }) })
        } catch (error) {
          const data = { error: `exec failed: ${publicError(error).message}`, code: "exec_error" }
          await send({ event: "error", data: JSON.stringify(data) })
        }
      })
    }),
})

interface Command {
  readonly sandbox: Sandbox
  readonly session: SandboxShell | undefined
  readonly argv: readonly string[]
  readonly cwd: string | undefined
}

async function run({ sandbox, session, argv, cwd }: Command, options: ExecOptions): Promise<number> {
  if (session === undefined) return (await sandbox.exec(argv, { ...options, ...given({ cwd }) })).exitCode
  const line = argv.map(quote).join(" ")
  // The folder is for this command only.
  const there = `pushd -- ${quote(cwd ?? ".")} >/dev/null && { ${line}; set -- "$?"; popd >/dev/null; (exit "$1"); }`
  return (await session.exec(cwd === undefined ? line : there, options)).exitCode
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
