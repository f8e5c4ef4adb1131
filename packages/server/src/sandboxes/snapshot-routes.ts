import type { SnapshotInfo } from "@mayfly/platform"
import { z } from "zod"
import { invalid } from "../parse-fields.ts"
import { type Route, route } from "../route/route.ts"
import { readByteStream } from "../read-byte-stream.ts"
import { sandboxOf, sandboxParams } from "../sandbox-of.ts"
import { pageOf, wholeOrPageOf } from "../route/page-of.ts"
import { nextCursor, pageQuery, tenantQuery } from "../schema/common.ts"
import { given, partOf } from "./given-parts.ts"

const snapshotJson = z.object({
  id: z.string(),
  sandboxId: z.string(),
  createdAt: z.int(),
  bytes: z.int().describe("what it takes on disk"),
})
const listJson = z.object({ snapshots: z.array(snapshotJson), cursor: nextCursor })
const common = { scope: "sandboxes", tag: "Sandboxes", place: "sandboxes" } as const
const path = "/v1/sandboxes/:id/snapshots"
const format = z.enum(["tar", "tar.zst"]).optional().describe("default tar.zst")
const media = ["application/zstd", "application/x-tar"]

/** Copies of a sandbox's files: kept here, or carried away as an archive. */
export const snapshotRoutes: readonly Route[] = [
  route({
    ...common,
    method: "post",
    path,
    summary: "Save a copy of all files, also while it runs",
    description: "POST /v1/sandboxes with `from` begins with it.",
    params: sandboxParams,
    query: tenantQuery,
    answer: { status: 201, description: "The copy.", json: snapshotJson },
    errors: ["sandbox.not-found", "sandbox.disk-full"],
    handle: async (call) => jsonOf(await (await sandboxOf(call)).snapshot()),
  }),
  route({
    ...common,
    method: "get",
    path,
    summary: "List a sandbox's copies, the oldest first",
    params: sandboxParams,
    query: pageQuery,
    answer: { description: "The copies.", json: listJson },
    errors: ["sandbox.not-found"],
    handle: async (call) => {
      const { id, tenant } = await sandboxOf(call)
      const all = await call.server.platform.sandboxes(tenant).snapshots()
      const own = all.filter(({ sandboxId }) => sandboxId === id)
      const { entries, ...next } = wholeOrPageOf(own, call.query, (snapshot) => snapshot.id)
      return { snapshots: entries.map(jsonOf), ...next }
    },
  }),
  route({
    ...common,
    method: "delete",
    path: `${path}/:snapshot`,
    summary: "Remove a copy",
    params: z.object({ id: z.string(), snapshot: z.string() }),
    query: tenantQuery,
    answer: { description: "It is gone; what began with it stays." },
    errors: ["sandbox.not-found"],
    handle: async (call) => {
      const { id, tenant } = await sandboxOf(call)
      const home = call.server.platform.sandboxes(tenant)
      const own = (await home.snapshots()).filter(({ sandboxId }) => sandboxId === id)
      await home.removeSnapshot(partOf(own, call.params.snapshot, "snapshot").id)
    },
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/snapshots",
    summary: "List copies of a tenant's sandboxes, those too whose sandbox was destroyed",
    query: pageQuery,
    answer: { description: "A page of copies.", json: listJson },
    handle: async ({ server, access, query }) => {
      const all = await server.platform.sandboxes(access.tenant(query.tenant)).snapshots()
      const { entries, ...next } = pageOf(all, query, ({ id }) => id)
      return { snapshots: entries.map(jsonOf), ...next }
    },
  }),
  route({
    ...common,
    method: "delete",
    path: "/v1/snapshots/:snapshot",
    summary: "Remove a copy, also one whose sandbox was destroyed",
    params: z.object({ snapshot: z.string() }),
    query: tenantQuery,
    answer: { description: "It is gone; what began with it stays." },
    errors: ["sandbox.not-found"],
    handle: ({ server, access, query, params }) =>
      server.platform.sandboxes(access.tenant(query.tenant)).removeSnapshot(params.snapshot),
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/archive",
    summary: "Files as an archive, as it is packed",
    params: sandboxParams,
    query: tenantQuery.extend({
      path: z.string().min(1).optional().describe("a folder; default: /workspace and /home/user, below /"),
      format,
    }),
    answer: { description: "The archive.", media },
    errors: ["sandbox.not-found", "sandbox.file"],
    handle: async (call) => {
      const { path: folder, format: form = "tar.zst" } = call.query
      const sandbox = await sandboxOf(call)
      if (folder !== undefined && (await sandbox.files.stat(folder)).type !== "directory")
        throw invalid("path", "must be a folder; GET …/files/PATH gives a file")
      const archive = await sandbox.export({ format: form, ...given({ path: folder }) })
      const held = call.held.move()
      const done = (): void => held.dispose()
      const body = archive.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ flush: done, cancel: done }))
      return call.c.body(body, 200, { "content-type": form === "tar" ? "application/x-tar" : "application/zstd" })
    },
  }),
  route({
    ...common,
    method: "put",
    path: "/v1/sandboxes/:id/archive",
    summary: "Unpack an archive over the files, as it comes",
    description: "Unpacked inside of the sandbox: whatever its paths say, they lead nowhere else.",
    params: sandboxParams,
    query: tenantQuery.extend({
      path: z.string().min(1).optional().describe("a folder, made when it is missing; default /"),
      format,
    }),
    rawBody: Object.fromEntries([...media, "application/octet-stream"].map((type) => [type, null])),
    refusesIdempotency: "its body is a stream",
    answer: { description: "All was unpacked." },
    errors: ["sandbox.not-found", "sandbox.file", "sandbox.disk-full"],
    handle: async (call) => {
      const { path: folder, format: form } = call.query
      await (await sandboxOf(call)).import(readByteStream(call), given({ path: folder, format: form }))
    },
  }),
]

function jsonOf({ id, sandboxId, createdAt, bytes }: SnapshotInfo): z.input<typeof snapshotJson> {
  return { id, sandboxId, createdAt, bytes }
}
