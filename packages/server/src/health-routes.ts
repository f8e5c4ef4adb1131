import { z } from "zod"
import { Readiness } from "./readiness.ts"
import { type Route, route } from "./route/route.ts"

const tag = "Health"
/** One for each platform: the answer of a probe counts for some seconds. */
const probes = new WeakMap<object, Readiness>()

export const healthRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/healthz",
    scope: "open",
    tag,
    summary: "Whether the process answers",
    answer: { description: "It does.", json: z.object({ status: z.literal("ok") }) },
    handle: () => ({ status: "ok" }),
  }),
  route({
    method: "get",
    path: "/readyz",
    scope: "open",
    tag,
    summary: "Whether programs can run here, and rows be written",
    description:
      "Both are tried, at most every five seconds. 503 when not, and while the server stops: `{ status }` says which.",
    answer: { description: "They can.", json: z.object({ status: z.literal("ready") }) },
    async handle({ c, server: { platform, draining } }) {
      if (draining.aborted) return c.json({ status: "stopping" }, 503)
      const probe = probes.get(platform) ?? new Readiness(platform)
      probes.set(platform, probe)
      return (await probe.isReady()) ? { status: "ready" } : c.json({ status: "not-ready" }, 503)
    },
  }),
]
