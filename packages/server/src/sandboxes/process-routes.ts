import type { LogChunk, SandboxProcess } from "@mayfly/platform"
import { z } from "zod"
import { resumePoint } from "../event-stream.ts"
import { flag } from "../route/query-values.ts"
import { wholeOrPageOf } from "../route/page-of.ts"
import { type Route, route } from "../route/route.ts"
import { invalid } from "../parse-fields.ts"
import { readByteStream } from "../read-byte-stream.ts"
import { sandboxOf, sandboxParams } from "../sandbox-of.ts"
import { nextCursor, pageQuery, tenantQuery } from "../schema/common.ts"
import { given, partOf } from "./given-parts.ts"
import { isForEvents, sendEvents } from "./send-events.ts"

const params = z.object({ id: z.string(), process: z.string() })
const command = z.union([z.string(), z.array(z.string())]).describe("a line for bash, or a list taken as it is")
const outputEvent = z.object({ type: z.literal("output"), stream: z.enum(["stdout", "stderr"]), text: z.string() })
const processJson = z.object({
  id: z.string(),
  pid: z.int(),
  command,
  status: z.enum(["running", "exited", "killed", "lost"]),
  exitCode: z.int().optional(),
  startedAt: z.int(),
})
const common = { scope: "sandboxes", tag: "Sandboxes", place: "sandboxes" } as const
const path = "/v1/sandboxes/:id/processes"

/** Commands of a sandbox that go on by themselves. */
export const processRoutes: readonly Route[] = [
  route({
    ...common,
    method: "post",
    path,
    summary: "Start a process that goes on by itself",
    params: sandboxParams,
    query: tenantQuery,
    body: z.strictObject({
      command,
      cwd: z.string().optional(),
      env: z.record(z.string(), z.string()).optional(),
      timeoutMs: z.number().optional(),
    }),
    answer: { status: 201, description: "The process.", json: processJson },
    errors: ["sandbox.not-found", "sandbox.limit", "sandbox.file-not-found"],
    handle: async (call) => {
      const { command: asked, ...options } = call.body
      return jsonOf(await (await sandboxOf(call)).spawn(asked, given(options)))
    },
  }),
  route({
    ...common,
    method: "get",
    path,
    summary: "List processes, the last ones that ended too",
    params: sandboxParams,
    query: pageQuery,
    answer: { description: "The processes.", json: z.object({ processes: z.array(processJson), cursor: nextCursor }) },
    errors: ["sandbox.not-found"],
    async handle(call) {
      const all = (await sandboxOf(call)).processes().map(jsonOf)
      const { entries, ...next } = wholeOrPageOf(all, call.query, ({ id }) => id)
      return { processes: entries, ...next }
    },
  }),
  route({
    ...common,
    method: "get",
    path: `${path}/:process`,
    summary: "One process",
    params,
    query: tenantQuery,
    answer: { description: "The process.", json: processJson },
    errors: ["sandbox.not-found"],
    handle: async (call) => jsonOf(await processOf(call)),
  }),
  route({
    ...common,
    method: "get",
    path: `${path}/:process/logs`,
    place: "followers",
    summary: "What a process wrote: the last 4 MiB, or as events as it comes",
    params,
    description: "As events it goes on behind `Last-Event-ID` or `cursor`, as far as it is kept.",
    query: tenantQuery.extend({
      replay: flag().optional(),
      cursor: z.string().max(500).optional().describe("As events: the id of the last one that was read."),
    }),
    answer: {
      description: "What is kept; as events what is kept (unless replay=false) and what comes, then the end.",
      json: z.object({ logs: z.array(z.object({ stream: z.enum(["stdout", "stderr"]), text: z.string() })) }),
      events: { output: outputEvent, end: processJson },
    },
    errors: ["sandbox.not-found"],
    handle: async (call) => {
      const process = await processOf(call)
      const { replay = true, cursor } = call.query
      if (!isForEvents(call)) return { logs: await keptOf(process) }
      const after = positionOf(resumePoint(call, cursor))
      return sendEvents(call, async (send, signal) => {
        for await (const { position, ...chunk } of process.follow({ replay, after, signal }))
          await send("output", chunk, String(position))
        if (!signal.aborted) await send("end", jsonOf(process))
      })
    },
  }),
  route({
    ...common,
    method: "post",
    path: `${path}/:process/wait`,
    place: "followers",
    summary: "Wait for a line, a port, or the end",
    description: "Exactly one of log, port and exit. The process goes on when the wait is over or given up.",
    params,
    query: tenantQuery,
    body: z.strictObject({
      log: z.string().min(1).max(10_000).optional().describe("a text that a line contains"),
      port: z.int().optional(),
      exit: z.literal(true).optional(),
      timeoutMs: z.number().optional(),
    }),
    answer: {
      description: "What came.",
      json: z.object({ line: z.string().optional(), port: z.int().optional(), process: processJson }),
    },
    refusesIdempotency: "it changes nothing",
    errors: ["sandbox.not-found", "sandbox.timeout", "sandbox.exited"],
    handle: async (call) => {
      const process = await processOf(call)
      const { log, port, exit, timeoutMs } = call.body
      if ([log, port, exit].filter((one) => one !== undefined).length !== 1)
        throw invalid("the request body", "must have exactly one of log, port and exit")
      const options = { signal: call.signal, ...given({ timeoutMs }) }
      const line = log === undefined ? {} : { line: await process.waitForLog(log, options) }
      if (port !== undefined) await process.waitForPort(port, options)
      if (exit === true) await process.waitForExit(options)
      return { ...line, ...(port === undefined ? {} : { port }), process: jsonOf(process) }
    },
  }),
  route({
    ...common,
    method: "post",
    path: `${path}/:process/kill`,
    summary: "Signal the whole tree and wait for its end; after the grace with SIGKILL",
    params,
    query: tenantQuery,
    body: z.strictObject({
      signal: z.string().optional().describe("default SIGTERM"),
      graceMs: z.int().min(0).max(600_000).optional().describe("default 5,000"),
    }),
    isBodyOptional: true,
    answer: { description: "The process, which has ended.", json: processJson },
    errors: ["sandbox.not-found"],
    handle: async (call) => {
      const process = await processOf(call)
      const { signal = "SIGTERM", graceMs } = call.body
      await process.kill(signal as NodeJS.Signals, given({ graceMs }))
      return jsonOf(process)
    },
  }),
  route({
    ...common,
    method: "post",
    path: `${path}/:process/stdin`,
    summary: "Write to its stdin",
    params,
    query: tenantQuery.extend({ end: flag().optional().describe("true: close it then") }),
    rawBody: { "application/octet-stream": null },
    refusesIdempotency: "its body is a stream",
    answer: { description: "All was taken." },
    errors: ["sandbox.not-found", "sandbox.exited"],
    handle: async (call) => {
      const process = await processOf(call)
      for await (const chunk of readByteStream(call)) await process.write(chunk)
      if (call.query.end === true) process.closeStdin()
    },
  }),
]

async function processOf(call: Parameters<typeof sandboxOf>[0] & { readonly params: { process: string } }) {
  return partOf((await sandboxOf(call)).processes(), call.params.process, "process")
}

function positionOf(id: string | undefined): number | undefined {
  if (id === undefined) return undefined
  if (/^\d{1,15}$/.test(id)) return Number(id)
  throw invalid("cursor", "must be the id of an event of this process")
}

async function keptOf(process: SandboxProcess): Promise<LogChunk[]> {
  const kept: LogChunk[] = []
  for await (const chunk of process.logs()) kept.push(chunk)
  return kept
}

function jsonOf({
  id,
  pid,
  command: started,
  status,
  exitCode,
  startedAt,
}: SandboxProcess): z.input<typeof processJson> {
  return { id, pid, command: started as string, status, startedAt, ...given({ exitCode }) }
}
