import type { SecretVault } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import type { ServerApp } from "./create-server.ts"
import { asRecord, checkFields, invalid } from "./parse-fields.ts"
import { type BodyLimits, readJsonBody } from "./read-json-body.ts"
import { tenantOf } from "./tenant-of.ts"

/** `/v1/secrets`: names go out, values only come in. */
export function addSecretRoutes(app: ServerApp, secrets: SecretVault, limits: BodyLimits): void {
  app.get("/v1/secrets", async (c) => c.json({ secrets: await secrets.list(tenantOf(c.req.query("tenant"))) }))

  app.put("/v1/secrets/:name", async (c) => {
    using body = await readJsonBody(c.req.raw, limits)
    const given = asRecord(body.value, "the request body")
    checkFields(given, ["value", "tenant"], "")
    const { value } = given
    if (typeof value !== "string") throw invalid("value", "must be a text")
    const name = c.req.param("name")
    await secrets.set(tenantOf(given["tenant"]), name, value)
    return c.json({ name })
  })

  app.delete("/v1/secrets/:name", async (c) => {
    const name = c.req.param("name")
    if (await secrets.remove(tenantOf(c.req.query("tenant")), name)) return c.body(null, 204)
    throw new MayflyError("server.not-found", `there is no secret "${name.slice(0, 128)}"`)
  })
}
