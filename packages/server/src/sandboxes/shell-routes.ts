import type { SandboxShell, ShellResult } from "@mayfly/platform"
import { z } from "zod"
import { wholeOrPageOf } from "../route/page-of.ts"
import { type Route, route } from "../route/route.ts"
import { sandboxOf, sandboxParams } from "../sandbox-of.ts"
import { nextCursor, pageQuery, tenantQuery } from "../schema/common.ts"
import { given, partOf } from "./given-parts.ts"
import { isForEvents, sendEvents } from "./send-events.ts"

const params = z.object({ id: z.string(), shell: z.string() })
const shellJson = z.object({ id: z.string(), cwd: z.string() })
const end = {
  exitCode: z.int(),
  success: z.boolean(),
  signal: z.string().nullable(),
  timedOut: z.boolean(),
  durationMs: z.number(),
  cwd: z.string(),
  ended: z.boolean().describe("the command ended the shell"),
}
const resultJson = z.object({ ...end, stdout: z.string(), stderr: z.string(), truncated: z.boolean() })
const common = { scope: "sandboxes", tag: "Sandboxes", place: "sandboxes" } as const
const path = "/v1/sandboxes/:id/shells"
const maxOutputBytes = 16 << 20

/** A bash that keeps folder, variables and functions between commands. */
export const shellRoutes: readonly Route[] = [
  route({
    ...common,
    method: "post",
    path,
    summary: "Open a shell that keeps its state",
    params: sandboxParams,
    query: tenantQuery,
    body: z.strictObject({ cwd: z.string().optional(), env: z.record(z.string(), z.string()).optional() }),
    isBodyOptional: true,
    answer: { status: 201, description: "The shell.", json: shellJson },
    errors: ["sandbox.not-found", "sandbox.limit", "sandbox.file-not-found"],
    handle: async (call) => jsonOf(await (await sandboxOf(call)).shell(given(call.body))),
  }),
  route({
    ...common,
    method: "get",
    path,
    summary: "List shells that have not ended",
    params: sandboxParams,
    query: pageQuery,
    answer: { description: "The shells.", json: z.object({ shells: z.array(shellJson), cursor: nextCursor }) },
    errors: ["sandbox.not-found"],
    async handle(call) {
      const all = (await sandboxOf(call)).shells().map(jsonOf)
      const { entries, ...next } = wholeOrPageOf(all, call.query, ({ id }) => id)
      return { shells: entries, ...next }
    },
  }),
  route({
    ...common,
    method: "post",
    path: `${path}/:shell/exec`,
    summary: "Run a line in a shell, after those before it",
    params,
    query: tenantQuery,
    body: z.strictObject({
      command: z.string(),
      timeoutMs: z.number().optional(),
      maxOutputBytes: z.int().min(1).max(maxOutputBytes).optional(),
    }),
    answer: {
      description: "The line's end, also when it failed.",
      json: resultJson,
      events: {
        output: z.object({ type: z.literal("output"), stream: z.enum(["stdout", "stderr"]), text: z.string() }),
        result: z.object({ type: z.literal("result"), ...end }),
      },
    },
    errors: ["sandbox.not-found", "sandbox.exited", "sandbox.limit"],
    handle: async (call) => {
      const shell = await shellOf(call)
      const { command, ...rest } = call.body
      const options = { maxOutputBytes, ...given(rest) }
      if (!isForEvents(call)) return resultOf(await shell.exec(command, { ...options, signal: call.signal }))
      return sendEvents(call, async (send, signal) => {
        const onOutput = (chunk: object): Promise<void> => send("output", chunk)
        // Nothing needs to be kept of what has been sent.
        const result = await shell.exec(command, { ...options, maxOutputBytes: 1, signal, onOutput })
        await send("result", endOf(result))
      })
    },
  }),
  route({
    ...common,
    method: "post",
    path: `${path}/:shell/signal`,
    summary: "Signal what a shell runs now, not the shell",
    params,
    query: tenantQuery,
    body: z.strictObject({ signal: z.string().optional().describe("default SIGINT") }),
    isBodyOptional: true,
    answer: { description: "It was sent." },
    errors: ["sandbox.not-found"],
    handle: async (call) => (await shellOf(call)).signal(call.body.signal as NodeJS.Signals | undefined),
  }),
  route({
    ...common,
    method: "delete",
    path: `${path}/:shell`,
    summary: "Close a shell",
    params,
    query: tenantQuery,
    answer: { description: "It has ended, with what it ran." },
    errors: ["sandbox.not-found"],
    handle: async (call) => (await shellOf(call)).close(),
  }),
]

async function shellOf(call: Parameters<typeof sandboxOf>[0] & { readonly params: { shell: string } }) {
  return partOf((await sandboxOf(call)).shells(), call.params.shell, "shell")
}

function jsonOf({ id, cwd }: SandboxShell): z.input<typeof shellJson> {
  return { id, cwd }
}

function endOf({ stdoutBytes: _out, stderrBytes: _err, stdout: _o, stderr: _e, truncated: _t, ...rest }: ShellResult) {
  return rest
}

function resultOf({ stdoutBytes: _out, stderrBytes: _err, ...rest }: ShellResult): z.input<typeof resultJson> {
  return rest
}
