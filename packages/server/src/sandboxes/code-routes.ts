import { z } from "zod"
import { wholeOrPageOf } from "../route/page-of.ts"
import { type Route, route } from "../route/route.ts"
import { sandboxOf, sandboxParams } from "../sandbox-of.ts"
import { nextCursor, pageQuery, tenantQuery } from "../schema/common.ts"
import { given } from "./given-parts.ts"
import { isForEvents, sendEvents } from "./send-events.ts"

const language = z.enum(["python", "javascript", "typescript"])
const contextJson = z.object({ name: z.string(), language })
const text = z.string().optional()
const resultJson = z.object({
  text,
  html: text,
  markdown: text,
  latex: text,
  svg: text,
  png: text.describe("base64"),
  jpeg: text.describe("base64"),
  json: z.unknown().optional(),
  isResult: z.boolean().describe("the value of the cell's last expression"),
})
const errorJson = z.object({ name: z.string(), message: z.string(), traceback: z.array(z.string()) }).nullable()
const common = {
  scope: "sandboxes",
  tag: "Sandboxes",
  place: "sandboxes",
  params: sandboxParams,
  query: tenantQuery,
} as const

/** Interpreters that keep their state between cells. */
export const codeRoutes: readonly Route[] = [
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/code",
    summary: "Run a cell of code in a context that keeps its state",
    body: z.strictObject({
      language,
      code: z.string(),
      context: z.string().optional().describe("default: one per language"),
      timeoutMs: z.number().nullable().optional().describe("default 60,000; null: none"),
    }),
    answer: {
      description: "The cell's end, also when its code threw.",
      json: z.object({ results: z.array(resultJson), stdout: z.string(), stderr: z.string(), error: errorJson }),
      events: {
        output: z.object({ type: z.literal("output"), stream: z.enum(["stdout", "stderr"]), text: z.string() }),
        result: z.object({ type: z.literal("result"), result: resultJson }),
        end: z.object({ type: z.literal("end"), error: errorJson }),
      },
    },
    errors: ["sandbox.not-found", "sandbox.limit"],
    handle: async (call) => {
      const sandbox = await sandboxOf(call)
      const { language: name, code, ...rest } = call.body
      const options = given(rest)
      if (!isForEvents(call)) return sandbox.runCode(name, code, { ...options, signal: call.signal })
      return sendEvents(call, async (send, signal) => {
        const onOutput = (chunk: object): Promise<void> => send("output", chunk)
        const { results, error } = await sandbox.runCode(name, code, { ...options, signal, onOutput })
        for (const result of results) await send("result", { result })
        await send("end", { error })
      })
    },
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/code/contexts",
    summary: "List contexts",
    query: pageQuery,
    answer: { description: "The contexts.", json: z.object({ contexts: z.array(contextJson), cursor: nextCursor }) },
    errors: ["sandbox.not-found"],
    async handle(call) {
      const all = (await sandboxOf(call)).contexts()
      const { entries, ...next } = wholeOrPageOf(all, call.query, ({ name }) => name)
      return { contexts: entries, ...next }
    },
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/code/contexts",
    summary: "Start a context before its first cell",
    body: z.strictObject({ language, name: z.string().optional() }),
    answer: { status: 201, description: "The context.", json: contextJson },
    errors: ["sandbox.not-found", "sandbox.limit"],
    handle: async (call) => (await sandboxOf(call)).openContext(call.body.language, call.body.name),
  }),
  route({
    ...common,
    method: "delete",
    path: "/v1/sandboxes/:id/code/contexts/:name",
    summary: "End a context; one that is not there is fine",
    params: z.object({ id: z.string(), name: z.string() }),
    answer: { description: "Its state is gone." },
    errors: ["sandbox.not-found"],
    handle: async (call) => (await sandboxOf(call)).closeContext(call.params.name),
  }),
]
