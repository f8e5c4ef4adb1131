import { z } from "zod"
import { flag } from "../route/query-values.ts"
import { type Route, route } from "../route/route.ts"
import { sandboxOf, sandboxParams } from "../sandbox-of.ts"
import { tenantQuery } from "../schema/common.ts"
import { given } from "./given-parts.ts"
import { sendEvents } from "./send-events.ts"

const path = z.string().describe("below /workspace, or absolute")
const entryJson = z.object({
  path: z.string(),
  type: z.enum(["file", "directory", "symlink", "other"]),
  size: z.int(),
  mode: z.int(),
  modifiedAt: z.int(),
  target: z.string().optional(),
})
const common = { scope: "sandboxes", tag: "Sandboxes", place: "sandboxes", params: sandboxParams } as const
const pathQuery = tenantQuery.extend({ path })
const errors = ["sandbox.not-found", "sandbox.file-not-found", "sandbox.file"] as const

/** What is done with files besides reading and writing them. */
export const fileRoutes: readonly Route[] = [
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/stat",
    summary: "One file, folder or link",
    query: pathQuery,
    answer: { description: "Of a link, not of what it leads to.", json: entryJson },
    errors,
    handle: async (call) => (await sandboxOf(call)).files.stat(call.query.path),
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/exists",
    summary: "Whether there is something at a path",
    query: pathQuery,
    answer: { description: "Whether.", json: z.object({ exists: z.boolean() }) },
    errors,
    handle: async (call) => ({ exists: await (await sandboxOf(call)).files.exists(call.query.path) }),
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/mkdir",
    summary: "Make a folder",
    query: tenantQuery,
    body: z.strictObject({ path, recursive: z.boolean().optional().describe("default true") }),
    answer: { description: "It is there." },
    errors: [...errors, "sandbox.disk-full"],
    handle: async (call) => {
      const { path: folder, recursive } = call.body
      await (await sandboxOf(call)).files.mkdir(folder, given({ recursive }))
    },
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/rename",
    summary: "Give something another path",
    query: tenantQuery,
    body: z.strictObject({ path, to: path }),
    answer: { description: "It is there." },
    errors,
    handle: async (call) => (await sandboxOf(call)).files.rename(call.body.path, call.body.to),
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandboxes/:id/chmod",
    summary: "Change who may read, write and run something",
    query: tenantQuery,
    body: z.strictObject({
      path,
      mode: z
        .string()
        .regex(/^[0-7]{3}$/, "must be three octal digits, such as 755")
        .meta({ examples: ["755"] }),
    }),
    answer: { description: "It is so." },
    errors,
    handle: async (call) => (await sandboxOf(call)).files.chmod(call.body.path, Number.parseInt(call.body.mode, 8)),
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/watch",
    place: "followers",
    summary: "Follow changes of files",
    description: "Keeps the sandbox awake. `watching` comes when changes from then on are seen.",
    query: tenantQuery.extend({ path: path.optional(), recursive: flag().optional() }),
    answer: {
      description: "Changes as they happen; `missed` when they came faster than they were read.",
      events: {
        watching: z.object({ type: z.literal("watching"), path: z.string() }),
        change: z.object({
          type: z.literal("change"),
          change: z.enum(["create", "modify", "delete", "missed"]),
          path: z.string(),
        }),
      },
    },
    errors,
    handle: async (call) => {
      const { files } = await sandboxOf(call)
      const { path: folder = ".", recursive = true } = call.query
      // What can't be watched is an answer of its own, no event.
      const { path: watched } = await files.stat(folder)
      return sendEvents(call, async (send, signal) => {
        const onReady = (): Promise<void> => send("watching", { path: watched })
        for await (const { type, path: changed } of files.watch(folder, { recursive, signal, onReady }))
          await send("change", { change: type, path: changed })
      })
    },
  }),
]
