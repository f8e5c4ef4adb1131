import type { TenantSandboxOptions } from "@mayfly/platform"
import type { ServerApp } from "./create-server.ts"
import { asRecord, checkFields } from "./parse-fields.ts"
import { readJsonBody } from "./read-json-body.ts"
import { execRoute } from "./sandbox-exec-route.ts"
import { addSandboxFileRoutes } from "./sandbox-file-routes.ts"
import { type SandboxRouteOptions, sandboxOf } from "./sandbox-of.ts"
import { tenantOf } from "./tenant-of.ts"

const fields = ["id", "limits", "network", "env", "from", "sleepAfter", "tenant"]

/** `/v1/sandboxes`: sandboxes of a tenant, their commands and files. The sandbox checks the values. */
export function addSandboxRoutes(app: ServerApp, options: SandboxRouteOptions): void {
  const { platform, body: limits } = options
  app.post("/v1/sandboxes", async (c) => {
    using body = await readJsonBody(c.req.raw, limits)
    const given = asRecord(body.value, "the request body")
    checkFields(given, fields, "")
    const { tenant, ...rest } = given
    const sandbox = await platform.sandboxes(tenantOf(tenant)).create(rest as TenantSandboxOptions)
    return c.json(await sandbox.info(), 201)
  })
  app.get("/v1/sandboxes", async (c) =>
    c.json({ sandboxes: await platform.sandboxes(tenantOf(c.req.query("tenant"))).list() }),
  )
  app.get("/v1/sandboxes/:id", async (c) => c.json(await (await sandboxOf(c, platform)).info()))
  app.delete("/v1/sandboxes/:id", async (c) => {
    await (await sandboxOf(c, platform)).destroy()
    return c.body(null, 204)
  })
  app.post("/v1/sandboxes/:id/exec", execRoute(options))
  addSandboxFileRoutes(app, options)
}
