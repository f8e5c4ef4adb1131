import { z } from "zod"
import { type Route, route } from "../route/route.ts"
import { upgradeOf } from "../sockets/socket-upgrade.ts"
import { serveSession } from "./serve-session.ts"

/** `/v1/session`: workers whose `env` functions live in the client. */
export const sessionRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/v1/session",
    scope: "run",
    tag: "Runs",
    summary: "Hold workers whose env functions live in the client (WebSocket)",
    description:
      "Speaks Cap'n Web; `@mayfly/client` is its other end. What the client started ends with its connection. " +
      "A browser, which can't send a header, offers the subprotocols `mayfly` and `bearer.KEY`.",
    query: z.strictObject({ tenant: z.string().optional().describe("default: the key's own, or default") }),
    answer: { status: 101, description: "A WebSocket." },
    errors: ["server.upgrade-required"],
    place: "sockets",
    handle({ c, server, access, query, signal, held }) {
      const upgrade = upgradeOf(c)
      // Refused now, and not when the first worker asks for it.
      const own = access.tenantFilter(query.tenant)
      return upgrade.accept(
        serveSession({
          platform: server.platform,
          tenantOf: (named) => access.tenant(named ?? own),
          takeSlot: () => server.places.requests.take(access.ownTenant),
          signal,
          holder: access.ownTenant,
        }),
        held.move(),
      )
    },
  }),
]
