import type { MiddlewareHandler } from "hono"
import { requestId as honoRequestId } from "hono/request-id"

/** The caller's own id of letters, digits, `-`, `_` and `=`, else a new one; on the answer, in errors and in the log. */
export function requestId(): MiddlewareHandler {
  return honoRequestId({ generator: () => `req_${crypto.randomUUID().replaceAll("-", "")}` })
}
