import { z } from "zod"
import { invalid } from "../parse-fields.ts"
import { wholeOrPageOf } from "../route/page-of.ts"
import { type Route, route } from "../route/route.ts"
import { sandboxOf, sandboxParams } from "../sandbox-of.ts"
import { nextCursor, pageQuery, tenantQuery } from "../schema/common.ts"
import { given } from "./given-parts.ts"

const exposureJson = z.object({
  port: z.int(),
  url: z.string().describe("whoever has it reaches the port, without a key"),
  token: z.string(),
  expiresAt: z.int().nullable(),
})
const common = { scope: "sandboxes", tag: "Sandboxes", params: sandboxParams, query: tenantQuery } as const
const path = "/v1/sandboxes/:id/ports"

/** Preview addresses of a sandbox's ports. */
export const portRoutes: readonly Route[] = [
  route({
    ...common,
    method: "post",
    path,
    summary: "Show a port at an address of its own",
    description: "HTTP and WebSocket. The same port without a time has the same address, until it is taken back.",
    body: z.strictObject({ port: z.int(), ttlMs: z.number().optional().describe("default: until it is taken back") }),
    answer: { status: 201, description: "The address.", json: exposureJson },
    errors: ["sandbox.not-found", "sandbox.limit"],
    handle: async (call) => {
      const { port, ttlMs } = call.body
      return (await sandboxOf(call)).expose(port, given({ ttlMs }))
    },
  }),
  route({
    ...common,
    method: "get",
    path,
    summary: "List ports that are shown",
    query: pageQuery,
    answer: { description: "The addresses.", json: z.object({ ports: z.array(exposureJson), cursor: nextCursor }) },
    errors: ["sandbox.not-found"],
    async handle(call) {
      const all = (await sandboxOf(call)).exposures()
      const { entries, ...next } = wholeOrPageOf(all, call.query, ({ port }) => String(port).padStart(5, "0"))
      return { ports: entries, ...next }
    },
  }),
  route({
    ...common,
    method: "delete",
    path: `${path}/:port`,
    summary: "Take an address back, for good; one that is not there is fine",
    params: z.object({ id: z.string(), port: z.string() }),
    answer: { description: "Nobody sees the port any more; those who looked are cut off." },
    errors: ["sandbox.not-found"],
    handle: async (call) => (await sandboxOf(call)).unexpose(portOf(call.params.port)),
  }),
]

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw invalid("port", "must be a whole number from 1 to 65535")
}
