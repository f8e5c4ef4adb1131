import { MayflyError } from "@mayfly/protocol"
import { z } from "zod"
import { pageOf } from "./route/page-of.ts"
import { route } from "./route/route.ts"
import { epochMs, nextCursor, pageQuery, tenantField, tenantQuery } from "./schema/common.ts"

const params = z.object({ name: z.string().describe("The name that policies use.") })

export const secretRoutes = [
  route({
    method: "get",
    path: "/v1/secrets",
    scope: "admin",
    tag: "Secrets",
    summary: "List the names of secrets",
    description: "Values never come out.",
    query: pageQuery,
    answer: {
      description: "A page of names.",
      json: z.object({ secrets: z.array(z.object({ name: z.string(), updatedAt: epochMs })), cursor: nextCursor }),
    },
    async handle({ server, access, query }) {
      const secrets = await server.platform.secrets.list(access.tenant(query.tenant))
      const { entries, ...next } = pageOf(secrets, query, ({ name }) => name)
      return { secrets: entries, ...next }
    },
  }),
  route({
    method: "put",
    path: "/v1/secrets/:name",
    scope: "admin",
    tag: "Secrets",
    summary: "Set or replace a secret",
    params,
    body: z.strictObject({
      value: z.string().describe("At least 8 characters, no line breaks."),
      tenant: tenantField,
    }),
    answer: { description: "It is stored, encrypted.", json: z.object({ name: z.string() }) },
    refusesIdempotency: "setting a secret twice is the same as once, and its value must not be kept elsewhere",
    async handle({ server, access, params: { name }, body: { tenant, value } }) {
      await server.platform.secrets.set(access.tenant(tenant), name, value)
      return { name }
    },
  }),
  route({
    method: "delete",
    path: "/v1/secrets/:name",
    scope: "admin",
    tag: "Secrets",
    summary: "Remove a secret",
    params,
    query: tenantQuery,
    answer: { description: "It is gone." },
    errors: ["server.not-found"],
    async handle({ server, access, params: { name }, query }) {
      if (await server.platform.secrets.remove(access.tenant(query.tenant), name)) return
      throw new MayflyError("server.not-found", `there is no secret "${name.slice(0, 128)}"`)
    },
  }),
]
