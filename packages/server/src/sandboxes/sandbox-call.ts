import type { Sandbox } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { z } from "zod"
import type { Call } from "../route/call.ts"

/** What every route of a sandbox takes. */
export const tenantField = { tenant: z.string().optional().describe("default: the key's own, or default") }
export const sandboxParams = z.object({ id: z.string() })
export const sandboxQuery = z.strictObject(tenantField)

type SandboxCall = Call<{ readonly id: string }, { readonly tenant?: string | undefined }>

/** The one that the request names, of the tenant that it acts for. */
export function sandboxOf({ server, access, params, query }: SandboxCall): Promise<Sandbox> {
  return server.platform.sandboxes(access.tenant(query.tenant)).get(params.id)
}

/** Throws `sandbox.not-found`. */
export function partOf<T extends { readonly id: string }>(parts: readonly T[], id: string, what: string): T {
  const found = parts.find((part) => part.id === id)
  if (found !== undefined) return found
  throw new MayflyError(
    "sandbox.not-found",
    `there is no ${what} "${id.slice(0, 64)}" in this sandbox, or it has ended`,
    {
      details: { id: id.slice(0, 64) },
      fix: `List the sandbox's ${what}s; they end with it when it stops.`,
    },
  )
}

/** Fields that were given: what is undefined was not, and the library tells the two apart. */
export function given<T extends object>(fields: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>
  }
}
