import { MayflyError } from "@mayfly/protocol"
import type { Handler } from "hono"
import { type Route, route } from "../route/route.ts"
import type { Metrics } from "./metrics.ts"

export const metricsRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/metrics",
    scope: "ledger",
    wholeServer: true,
    tag: "Health",
    summary: "Numbers for Prometheus",
    description: "Needs no key where `metrics.access` is `open`.",
    answer: { description: "Prometheus' text.", media: ["text/plain"] },
    errors: ["server.not-found"],
    handle: ({ c, server: { metrics } }) =>
      answer(metrics, (text, type) => c.body(text, 200, { "content-type": type })),
  }),
]

/** The same without a key, for those who decided so. */
export function openMetrics(metrics: Metrics | undefined): Handler {
  return (c) => answer(metrics, (text, type) => c.body(text, 200, { "content-type": type }))
}

async function answer(metrics: Metrics | undefined, body: (text: string, type: string) => Response): Promise<Response> {
  if (metrics === undefined) throw new MayflyError("server.not-found", "numbers are off here (`metrics.access`)")
  return body(await metrics.text(), metrics.contentType)
}
