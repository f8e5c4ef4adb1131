import type { Sandbox } from "@mayfly/platform"
import { z } from "zod"
import type { Call } from "./route/call.ts"

export const sandboxParams = z.object({ id: z.string().describe("The id of the sandbox.") })

/** The one that the request names, of the tenant that it acts for. Rejects with `sandbox.not-found`, also for another tenant's. */
export function sandboxOf({
  server,
  access,
  params,
  query,
}: Call<{ readonly id: string }, { readonly tenant?: string | undefined }>): Promise<Sandbox> {
  return server.platform.sandboxes(access.tenant(query.tenant)).get(params.id)
}
