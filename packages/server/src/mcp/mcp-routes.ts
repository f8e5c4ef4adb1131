import { z } from "zod"
import { holdAnswer } from "../hold-answer.ts"
import type { Call } from "../route/call.ts"
import { type Route, route } from "../route/route.ts"
import { opaque } from "../schema/common.ts"
import { serverVersion } from "../server-version.ts"
import { selfApi } from "./self-api.ts"

const common = { path: "/mcp", scope: "any", tag: "MCP", place: "requests" } as const
const answer = { description: "JSON-RPC 2.0.", media: ["application/json"] }

/** `/mcp`: the Model Context Protocol over streamable HTTP. Tools have the rights of the key, and reach no network but what a person allows. */
export const mcpRoutes: readonly Route[] = [
  route({
    ...common,
    method: "post",
    summary: "Call tools by the Model Context Protocol (streamable HTTP)",
    description:
      "Revision 2026-07-28 and those before, without sessions. Tools: run_code, workflows, sandboxes, ask_for_approval; resources: the ledger and runs. " +
      "Each tool needs the scope of the routes that it calls.",
    body: opaque(z.unknown().describe("JSON-RPC 2.0.")),
    refusesIdempotency: "Messages of the protocol have ids of their own.",
    answer,
    handle: serve,
  }),
  route({
    ...common,
    method: "get",
    summary: "Answers 405: there are no sessions to listen to",
    answer,
    handle: serve,
  }),
]

async function serve({ c, server, signal, body }: Call): Promise<Response> {
  // Loaded here, so that those who never ask for tools do not wait for it.
  const { createMcpHandler } = await import("@modelcontextprotocol/server")
  const { createMcpServer } = await import("./create-mcp-server.ts")
  const { headers, method, url } = c.req.raw
  const options = { api: selfApi(server.self, c.req.raw), version: serverVersion(), baseUrl: new URL(url).origin }
  // Streams of changes would keep their places for as long as they like.
  const handler = createMcpHandler(() => createMcpServer(options), { maxSubscriptions: 0 })
  // The body has been read, within its bounds.
  const given = body === undefined ? {} : { parsedBody: body }
  const response = await handler.fetch(new Request(url, { method, headers, signal }), given)
  // Without subscriptions each answer has its end.
  const text = await response.text()
  holdAnswer(c, text.length, server.answers)
  return new Response(response.status === 202 ? null : text, response)
}
