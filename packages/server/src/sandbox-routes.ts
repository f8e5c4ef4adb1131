import type { TenantSandboxOptions } from "@mayfly/platform"
import { z } from "zod"
import { pageOf } from "./route/page-of.ts"
import { type Route, route } from "./route/route.ts"
import { execRoute } from "./sandbox-exec-route.ts"
import { sandboxFileRoutes } from "./sandbox-file-routes.ts"
import { sandboxOf, sandboxParams } from "./sandbox-of.ts"
import { nextCursor, pageQuery, tenantQuery } from "./schema/common.ts"
import { sandboxInfo, sandboxRequest, sandboxSummary } from "./schema/sandbox.ts"

const tag = "Sandboxes"
const scope = "sandboxes"

/** Sandboxes of a tenant, their commands and files. The sandbox checks the values. */
export const sandboxRoutes: readonly Route[] = [
  route({
    method: "post",
    path: "/v1/sandboxes",
    scope,
    tag,
    summary: "Create a sandbox",
    query: tenantQuery,
    body: sandboxRequest,
    answer: { status: 201, description: "The sandbox.", json: sandboxInfo },
    errors: ["sandbox.exists", "sandbox.not-found", "sandbox.unavailable"],
    async handle({ server, access, query, body }) {
      const { tenant = query.tenant, ...given } = body
      const options = given as TenantSandboxOptions
      return (await server.platform.sandboxes(access.tenant(tenant)).create(options)).info()
    },
  }),
  route({
    method: "get",
    path: "/v1/sandboxes",
    scope,
    tag,
    summary: "List sandboxes",
    query: pageQuery,
    answer: {
      description: "A page of sandboxes.",
      json: z.object({ sandboxes: z.array(sandboxSummary), cursor: nextCursor }),
    },
    async handle({ server, access, query }) {
      const all = await server.platform.sandboxes(access.tenant(query.tenant)).list()
      const { entries, ...next } = pageOf(all, query, ({ id }) => id)
      return { sandboxes: entries, ...next }
    },
  }),
  route({
    method: "get",
    path: "/v1/sandboxes/:id",
    scope,
    tag,
    summary: "Look at a sandbox",
    params: sandboxParams,
    query: tenantQuery,
    answer: { description: "The sandbox.", json: sandboxInfo },
    errors: ["sandbox.not-found"],
    handle: async (call) => (await sandboxOf(call)).info(),
  }),
  route({
    method: "delete",
    path: "/v1/sandboxes/:id",
    scope,
    tag,
    summary: "Destroy a sandbox and its files",
    params: sandboxParams,
    query: tenantQuery,
    answer: { description: "It is gone." },
    errors: ["sandbox.not-found"],
    async handle(call) {
      await (await sandboxOf(call)).destroy()
    },
  }),
  execRoute,
  ...sandboxFileRoutes,
]
