import type { Context } from "hono"
import { z } from "zod"
import { invalid } from "./parse-fields.ts"
import { readByteStream } from "./read-byte-stream.ts"
import { flag } from "./route/query-values.ts"
import { wholeOrPageOf } from "./route/page-of.ts"
import { type Route, route } from "./route/route.ts"
import { sandboxOf, sandboxParams } from "./sandbox-of.ts"
import { nextCursor, pageQuery, tenantQuery } from "./schema/common.ts"
import { fileInfo } from "./schema/sandbox.ts"

const tag = "Files"
const scope = "sandboxes"
const place = "sandboxes"
const path = "/v1/sandboxes/:id/files/:path{.*}"
const errors = ["sandbox.not-found", "sandbox.file-not-found"] as const
const params = sandboxParams.extend({
  path: z.string().describe("Below /workspace, or an absolute one that begins with `%2F`."),
})
const octal = z.string().regex(/^[0-7]{3}$/, "must be three octal digits, such as 755")

/** Bytes in and out as they are. */
export const sandboxFileRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/v1/sandboxes/:id/files",
    scope,
    tag,
    summary: "List the files of a folder",
    place,
    params: sandboxParams,
    query: pageQuery.extend({
      path: z.string().optional().describe("Default: /workspace."),
      recursive: flag().optional(),
    }),
    answer: {
      description: "A page of what is in it.",
      json: z.object({ entries: z.array(fileInfo), cursor: nextCursor }),
    },
    errors: [...errors],
    async handle(call) {
      const { path: folder = ".", recursive = false } = call.query
      const { files } = await sandboxOf(call)
      return wholeOrPageOf(await files.list(folder, { recursive }), call.query, (entry) => entry.path)
    },
  }),
  route({
    method: "get",
    path,
    scope,
    tag,
    summary: "Read a file",
    place,
    params,
    query: tenantQuery,
    answer: { description: "Its bytes.", media: ["application/octet-stream"] },
    errors: [...errors],
    async handle(call) {
      const { files } = await sandboxOf(call)
      const bytes = await files.readStream(pathOf(call.c))
      const release = call.held.move()
      const done = (): void => release.dispose()
      // Its place is free when the last byte has gone, or the client has.
      const body = bytes.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ flush: done, cancel: done }))
      return call.c.body(body, 200, { "content-type": "application/octet-stream" })
    },
  }),
  route({
    method: "put",
    path,
    scope,
    tag,
    summary: "Write a file",
    description: "Makes folders; a file that was there stays whole until all has come.",
    place,
    params,
    query: tenantQuery.extend({ mode: octal.optional(), append: flag().optional() }),
    rawBody: { "application/octet-stream": null },
    answer: { description: "It is written.", json: z.object({ size: z.int() }) },
    errors: [...errors],
    async handle(call) {
      const { mode, append = false } = call.query
      const { files } = await sandboxOf(call)
      const bytes = readByteStream(call)
      const options = { append, ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }) }
      return { size: await files.write(pathOf(call.c), bytes, options) }
    },
  }),
  route({
    method: "delete",
    path,
    scope,
    tag,
    summary: "Remove a file or folder",
    params,
    query: tenantQuery.extend({ recursive: flag().optional() }),
    answer: { description: "It is gone." },
    errors: [...errors],
    async handle(call) {
      const { files } = await sandboxOf(call)
      await files.remove(pathOf(call.c), { recursive: call.query.recursive ?? false })
    },
  }),
]

/** From the request's own text: the router's has been decoded in part. */
function pathOf(c: Context): string {
  const [, encoded = ""] = /^\/v1\/sandboxes\/[^/]+\/files\/(.*)$/s.exec(new URL(c.req.raw.url).pathname) ?? []
  try {
    const decoded = decodeURIComponent(encoded)
    if (decoded !== "") return decoded
  } catch {
    // Said below.
  }
  throw invalid("path", "must be a path in percent-encoding, after files/")
}
