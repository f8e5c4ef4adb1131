import { z } from "zod"
import { type Route, route } from "../route/route.ts"
import { readByteStream } from "../read-byte-stream.ts"
import { answering, bridgeAnswer, outside } from "./bridge-error.ts"
import { bridgeParams, bridgeQuery, bridgeSandbox, workspacePath } from "./bridge-sandbox.ts"

const tag = "Cloudflare Sandbox bridge"
const scope = "sandboxes"
const place = "sandboxes"
const fileParams = bridgeParams.extend({ path: z.string().describe("Without its first slash; below /workspace.") })
const octets = "application/octet-stream"
const okJson = z.object({ ok: z.literal(true) })

/** Files and archives of /workspace, as bytes. */
export const bridgeFiles: readonly Route[] = [
  route({
    method: "get",
    path: "/v1/sandbox/:id/file/:path{.*}",
    scope,
    tag,
    place,
    summary: "Read a file",
    params: fileParams,
    query: bridgeQuery,
    answer: { description: "Its bytes.", media: [octets] },
    handle: (call) =>
      answering({ code: "exec_transport_error", what: "read" }, call, async () => {
        const path = pathOf(call.c.req.raw.url)
        if (path instanceof Response) return path
        const { files } = await bridgeSandbox(call)
        const workspace = files.within("/workspace")
        if (!(await workspace.exists(path)))
          return bridgeAnswer(`File not found: ${path}`, "workspace_read_not_found", 404)
        const bytes = await workspace.readStream(path)
        const held = call.held.move()
        const done = (): void => held.dispose()
        const body = bytes.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ flush: done, cancel: done }))
        return call.c.body(body, 200, { "content-type": octets })
      }),
  }),
  route({
    method: "put",
    path: "/v1/sandbox/:id/file/:path{.*}",
    scope,
    tag,
    place,
    summary: "Write a file",
    params: fileParams,
    query: bridgeQuery,
    rawBody: { [octets]: null },
    refusesIdempotency: "its body is a stream",
    answer: { description: "It is written.", json: okJson },
    handle: (call) =>
      answering({ code: "workspace_archive_write_error", what: "write" }, call, async () => {
        const path = pathOf(call.c.req.raw.url)
        if (path instanceof Response) return path
        const { files } = await bridgeSandbox(call)
        await files.within("/workspace").write(path, readByteStream(call))
        return { ok: true }
      }),
  }),
  route({
    method: "post",
    path: "/v1/sandbox/:id/persist",
    scope,
    tag,
    place,
    summary: "Take /workspace away as tar",
    params: bridgeParams,
    query: bridgeQuery.extend({ excludes: z.string().optional().describe("Paths, with commas between them.") }),
    refusesIdempotency: "it changes nothing",
    answer: { description: "The archive.", media: [octets] },
    handle: (call) =>
      answering({ code: "workspace_archive_read_error", what: "persist" }, call, async () => {
        const excludes = (call.query.excludes ?? "").split(",").filter((path) => path !== "")
        if (excludes.some((path) => path.includes("..")))
          return bridgeAnswer('exclude paths must not contain ".."', "invalid_request", 400)
        const sandbox = await bridgeSandbox(call)
        const options = { path: "/workspace", format: "tar", excludes: excludes.map((path) => path.replace(/^\.\//, "")) } as const // oxfmt-ignore
        const archive = await sandbox.export(options)
        const held = call.held.move()
        const done = (): void => held.dispose()
        const body = archive.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ flush: done, cancel: done }))
        return call.c.body(body, 200, { "content-type": octets })
      }),
  }),
  route({
    method: "post",
    path: "/v1/sandbox/:id/hydrate",
    scope,
    tag,
    place,
    summary: "Unpack a tar into /workspace",
    params: bridgeParams,
    query: bridgeQuery,
    rawBody: { [octets]: null },
    refusesIdempotency: "its body is a stream",
    answer: { description: "All was unpacked.", json: okJson },
    handle: (call) =>
      answering({ code: "workspace_archive_write_error", what: "hydrate" }, call, async () => {
        if (call.c.req.header("content-length") === "0" || call.c.req.raw.body === null)
          return bridgeAnswer("Empty tar payload", "invalid_request", 400)
        const sandbox = await bridgeSandbox(call)
        await sandbox.import(readByteStream(call), { path: "/workspace", format: "tar" })
        return { ok: true }
      }),
  }),
]

/** From the request's own text. */
function pathOf(url: string): string | Response {
  const [, encoded = ""] = /^\/v1\/sandbox\/[^/]+\/file\/(.*)$/s.exec(new URL(url).pathname) ?? []
  let decoded: string
  try {
    decoded = decodeURIComponent(encoded)
  } catch {
    return bridgeAnswer("the path is not in percent-encoding", "invalid_request", 400)
  }
  if (decoded === "") return bridgeAnswer("file path must not be empty", "invalid_request", 400)
  return workspacePath(`/${decoded}`) ?? outside("path")
}
