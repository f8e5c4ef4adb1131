import type { Call } from "../route/call.ts"
import type { StatusCode } from "hono/utils/http-status"
import { withRate } from "../rate-headers.ts"
import { answerHeaders, guestLocation, requestHeaders } from "./guest-headers.ts"
import { GuestUpgrade } from "./guest-upgrade.ts"
import { holdUntilEnd } from "./hold-until-end.ts"

const withoutBody = new Set(["GET", "HEAD"])
/** How a program is called by name; no such host can be looked up. */
const guestHost = "worker.internal"
/** A header: what stands in the query is the program's own. */
const tenantHeader = "x-mayfly-tenant"

/** Passes a request on to a named worker's handler, and its answer back; bodies stream in both directions, and so do the messages of a WebSocket. */
export async function fetchWorker(call: Call<{ readonly name: string }>): Promise<Response> {
  const { c, server, access, params } = call
  const url = new URL(c.req.raw.url)
  const prefix = `/v1/workers/${encodeURIComponent(params.name)}/fetch`
  // The path as it was sent: what is encoded in it stays so.
  const path = url.pathname.split("/").slice(5).join("/")
  const guestUrl = new URL(`https://${guestHost}/${path}${url.search}`)
  const tenant = access.tenant(c.req.header(tenantHeader))
  const workers = server.platform.workers(tenant)
  using upgrade = new GuestUpgrade(call, () => workers.untilRemoved(params.name))
  const { method, headers, body } = c.req.raw
  const request = new Request(guestUrl, {
    method,
    headers: upgrade.withHeaders(requestHeaders(headers)),
    redirect: "manual",
    signal: upgrade.signal,
    ...(withoutBody.has(method) || body === null ? {} : { body, duplex: "half" as const }),
  })
  const response = await withRate(call, tenant, () => workers.fetch(params.name, request))
  if (response.webSocket !== null) return upgrade.accept(response.webSocket, response.headers)
  const given = answerHeaders(response.headers)
  const place = { guestUrl, prefix, host: c.req.header("host") ?? url.host }
  const location = response.headers.get("location")
  const target = location === null ? undefined : guestLocation(location, place)
  if (target !== undefined) given.set("location", target)
  if (method === "HEAD") await response.body?.cancel()
  const answer = method === "HEAD" || response.body === null ? null : holdUntilEnd(response.body, call.held.move())
  return c.newResponse(answer as ReadableStream | null, response.status as StatusCode, Object.fromEntries(given))
}
