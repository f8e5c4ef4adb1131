import { type KeyInfo, keyScopes, MayflyError, type Scope } from "@mayfly/protocol"
import { z } from "zod"
import { invalid } from "../parse-fields.ts"
import { pageOf } from "../route/page-of.ts"
import { type Route, route } from "../route/route.ts"
import { epochMs, nextCursor, pageQuery } from "../schema/common.ts"
import type { Access } from "./access.ts"

const tag = "Keys"
const scopeSchema = z.enum(keyScopes).describe("`admin` includes the others.")

const keyFields = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(scopeSchema),
  tenant: z.string().nullable().describe("The only tenant that it reaches; null: all."),
  createdBy: z.string().describe("The id of the key that made it."),
  createdAt: epochMs,
  expiresAt: epochMs.nullable(),
  revokedAt: epochMs.nullable(),
  lastUsedAt: epochMs.nullable().describe("Known after some seconds."),
})
const keySchema = keyFields.meta({ id: "Key" })

const maxExpiryMs = 10 * 365 * 86_400_000

export const keyRoutes: readonly Route[] = [
  route({
    method: "post",
    path: "/v1/keys",
    scope: "admin",
    tag,
    summary: "Create a key",
    description: "The key is in this answer and nowhere else; only its hash is stored.",
    body: z
      .strictObject({
        name: z.string().min(1).max(100).describe("For people."),
        scopes: z.array(scopeSchema).min(1).max(keyScopes.length).describe("What it is for."),
        tenant: z
          .string()
          .nullable()
          .optional()
          .describe(
            'The only tenant that it reaches. Null, of admin keys only: all. Default: "default", of admin keys all.',
          ),
        expiresInMs: z.int().min(1).max(maxExpiryMs).optional().describe("Default: it does not expire."),
      })
      .meta({
        id: "KeyRequest",
        examples: [{ name: "ci", scopes: ["run"], tenant: "acme", expiresInMs: 2_592_000_000 }],
      }),
    answer: {
      status: 201,
      description: "The key, this once.",
      json: keyFields.extend({ key: z.string().describe("`mf_` and 43 characters.") }).meta({ id: "NewKey" }),
    },
    errors: ["auth.too-many-keys"],
    refusesIdempotency: "the stored answer would hold the key",
    async handle({ server, access, body: { name, scopes: wanted, tenant, expiresInMs } }) {
      const unique = keyScopes.filter((scope) => wanted.includes(scope))
      const { key, info } = await server.keys.create({
        name,
        scopes: unique,
        tenant: tenantOfKey(access, unique, tenant),
        expiresAt: expiresInMs === undefined ? null : Date.now() + expiresInMs,
        createdBy: access.keyId,
      })
      return { key, ...info }
    },
  }),
  route({
    method: "get",
    path: "/v1/keys",
    scope: "admin",
    tag,
    summary: "List keys",
    description:
      "Those too that were revoked or have expired, for 30 days. The key that the first start printed is not among them.",
    query: pageQuery,
    answer: { description: "A page of keys.", json: z.object({ keys: z.array(keySchema), cursor: nextCursor }) },
    async handle({ server, access, query }) {
      const all = await server.keys.list(access.tenantFilter(query.tenant))
      const { entries, ...next } = pageOf(all, query, orderOf)
      return { keys: entries, ...next }
    },
  }),
  route({
    method: "get",
    path: "/v1/keys/self",
    scope: "any",
    tag,
    summary: "Look at the key of this request",
    answer: {
      description: "What it may do.",
      json: z.object({
        id: z.string(),
        name: z.string(),
        scopes: z.array(scopeSchema),
        tenant: z.string().nullable(),
        expiresAt: epochMs.nullable(),
      }),
    },
    handle({ access: { keyId, name, scopes: own, ownTenant, expiresAt } }) {
      return { id: keyId, name, scopes: own, tenant: ownTenant, expiresAt }
    },
  }),
  route({
    method: "delete",
    path: "/v1/keys/:id",
    scope: "admin",
    tag,
    summary: "Revoke a key",
    description: "At once: its event streams and sockets end too.",
    params: z.object({ id: z.string() }),
    answer: { description: "It counts no more." },
    errors: ["server.not-found"],
    async handle({ server, access, params: { id } }) {
      if (await server.keys.revoke(id, access.ownTenant ?? undefined)) return
      throw new MayflyError("server.not-found", `there is no key "${id.slice(0, 100)}" that could be revoked`)
    },
  }),
]

/** A key of a tenant makes keys of that tenant only. */
function tenantOfKey(access: Access, wanted: readonly Scope[], tenant: string | null | undefined): string | null {
  const isAdmin = wanted.includes("admin")
  if (tenant === null && !isAdmin) throw invalid("tenant", "can be null for keys with the scope admin only")
  if (tenant === null && access.ownTenant !== null) {
    throw new MayflyError("auth.forbidden", "a key of one tenant can't make one of all", {
      details: { tenant: access.ownTenant },
    })
  }
  if (tenant === null || (tenant === undefined && isAdmin && access.ownTenant === null)) return null
  return access.tenant(tenant)
}

function orderOf({ createdAt, id }: KeyInfo): string {
  return `${String(createdAt).padStart(16, "0")}.${id}`
}
