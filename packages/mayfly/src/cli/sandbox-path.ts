import { pathSegment } from "@mayfly/protocol"
import type { SandboxFlags } from "./sandbox-flags.ts"

/** The API's path for a sandbox, or for all of them when the id is empty. */
export function sandboxPath(
  id: string,
  rest: string,
  { tenant }: Pick<SandboxFlags, "tenant">,
  query: URLSearchParams = new URLSearchParams(),
): string {
  if (tenant !== undefined) query.set("tenant", tenant)
  const text = query.toString()
  return `/v1/sandboxes${id === "" ? "" : `/${pathSegment(id)}`}${rest}${text === "" ? "" : `?${text}`}`
}
