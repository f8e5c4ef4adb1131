import { MayflyError } from "@mayfly/protocol"
import type { MiddlewareHandler } from "hono"

/** At most `max` requests at once; the next one is told to come back. Waiting here would hold a socket and a body for each. */
export function limitRequests(max: number): MiddlewareHandler {
  let underWay = 0
  return async (_c, next) => {
    if (underWay >= max) {
      throw new MayflyError("worker.queue-full", `the server is handling ${max} requests already`, {
        details: { limit: max, retryAfterMs: 1_000 },
      })
    }
    underWay++
    try {
      await next()
    } finally {
      underWay--
    }
  }
}
