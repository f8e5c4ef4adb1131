import { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import type { ServerApp } from "./create-server.ts"
import { invalid } from "./parse-fields.ts"
import { type SandboxRouteOptions, sandboxOf } from "./sandbox-of.ts"

/** `/v1/sandboxes/:id/files`: bytes in and out as they are. What follows `files/` is a path below /workspace, or an absolute one that begins with `%2F`. */
export function addSandboxFileRoutes(app: ServerApp, { platform, slots }: SandboxRouteOptions): void {
  app.get("/v1/sandboxes/:id/files", async (c) => {
    using _slot = slots.take()
    const { files } = await sandboxOf(c, platform)
    const entries = await files.list(c.req.query("path") ?? ".", { recursive: flag(c, "recursive") })
    return c.json({ entries })
  })

  app.get("/v1/sandboxes/:id/files/*", async (c) => {
    using held = new DisposableStack()
    held.use(slots.take())
    const { files } = await sandboxOf(c, platform)
    const bytes = await files.readStream(pathOf(c))
    const release = held.move()
    const done = (): void => release.dispose()
    // Its place is free when the last byte has gone, or the client has.
    const body = bytes.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({ flush: done, cancel: done }))
    return c.body(body, 200, { "content-type": "application/octet-stream" })
  })

  app.put("/v1/sandboxes/:id/files/*", async (c) => {
    using _slot = slots.take()
    const { files } = await sandboxOf(c, platform)
    const mode = modeOf(c.req.query("mode"))
    const options = { append: flag(c, "append"), ...(mode === undefined ? {} : { mode }) }
    return c.json({ size: await files.write(pathOf(c), bodyOf(c.req.raw), options) })
  })

  app.delete("/v1/sandboxes/:id/files/*", async (c) => {
    const { files } = await sandboxOf(c, platform)
    await files.remove(pathOf(c), { recursive: flag(c, "recursive") })
    return c.body(null, 204)
  })
}

/** From the request's own text: the router's has been decoded in part. */
function pathOf(c: Context): string {
  const [, encoded = ""] = /^\/v1\/sandboxes\/[^/]+\/files\/(.*)$/s.exec(new URL(c.req.raw.url).pathname) ?? []
  try {
    const path = decodeURIComponent(encoded)
    if (path !== "") return path
  } catch {
    // Said below.
  }
  throw invalid("path", "must be a path in percent-encoding, after files/")
}

async function* bodyOf(request: Request): AsyncGenerator<Uint8Array, void, void> {
  try {
    if (request.body !== null) yield* request.body as AsyncIterable<Uint8Array>
  } catch (cause) {
    throw new MayflyError("input.invalid", "the request body ended early; the file is as it was", { cause })
  }
}

function flag(c: Context, name: string): boolean {
  const value = c.req.query(name)
  if (value === undefined || value === "false") return false
  if (value === "true") return true
  throw invalid(name, "must be true or false")
}

function modeOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (/^[0-7]{3}$/.test(value)) return Number.parseInt(value, 8)
  throw invalid("mode", "must be three octal digits, such as 755")
}
