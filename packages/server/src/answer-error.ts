import type { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import { bridgeErrorOf, isBridgePath } from "./bridge/bridge-error.ts"
import { errorBody, retryAfterOf } from "./error-response.ts"

const unnamed = { code: "exec_transport_error", what: "the request" } as const

export function answerError(c: Context, error: MayflyError): Response {
  const retryAfter = retryAfterOf(error)
  if (retryAfter !== undefined) c.header("retry-after", retryAfter)
  // What is left of the body is not waited for.
  if (error.status === 408 || error.status === 413) c.header("connection", "close")
  if (error.status === 401) c.header("www-authenticate", "Bearer")
  if (isBridgePath(c.req.path)) {
    const { body, status } = bridgeErrorOf(error, unnamed, String(c.get("requestId")))
    return c.json(body, status as ContentfulStatusCode)
  }
  return c.json(errorBody(error, String(c.get("requestId"))), error.status as ContentfulStatusCode)
}
