import type { Platform, Sandbox } from "@mayfly/platform"
import type { Context } from "hono"
import type { BodyLimits } from "./read-json-body.ts"
import type { RequestSlots } from "./request-slots.ts"
import type { ServerLog } from "./server-log.ts"
import { tenantOf } from "./tenant-of.ts"

export interface SandboxRouteOptions {
  readonly platform: Platform
  readonly body: BodyLimits
  /** Commands and files under way; each keeps its place to its end. */
  readonly slots: RequestSlots
  readonly stopping: AbortSignal
  readonly log: ServerLog
}

/** The one that the request names, of the tenant that it names. */
export function sandboxOf(c: Context, platform: Platform): Promise<Sandbox> {
  return platform.sandboxes(tenantOf(c.req.query("tenant"))).get(c.req.param("id") ?? "")
}
