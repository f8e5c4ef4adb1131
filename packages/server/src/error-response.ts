import { MayflyError } from "@mayfly/protocol"

/** The body of every answer that is not a run. */
export interface ErrorBody {
  readonly error: Record<string, unknown> & { readonly requestId: string }
}

export function errorBody(error: MayflyError, requestId: string): ErrorBody {
  return { error: { ...error.toJSON(), requestId } }
}

/** What a client may know of a failure: coded errors as they are, anything else without its text, which may hold paths and secrets. */
export function publicError(error: unknown): MayflyError {
  if (error instanceof MayflyError) return error
  return new MayflyError("server.internal", "the server failed; its log has the details under this request id", {
    cause: error,
  })
}

/** What `Retry-After` says of it, in seconds: of everything that was too much, and where it is known. */
export function retryAfterOf({ status, details: { retryAfterMs } }: MayflyError): string | undefined {
  const ms = typeof retryAfterMs === "number" ? retryAfterMs : status === 429 ? 1_000 : undefined
  return ms === undefined ? undefined : String(Math.ceil(ms / 1_000))
}

/** Headers of failures that the app does not see, as those that it gives to data. */
export function bareHeaders(error: MayflyError): Readonly<Record<string, string>> {
  const retryAfter = retryAfterOf(error)
  return {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
  }
}

/** Such a failure. It has no id: nothing was logged under one. */
export function bareError(error: MayflyError): Response {
  return Response.json(errorBody(error, "none"), { status: error.status, headers: bareHeaders(error) })
}
