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
