import { type ErrorCode, errorTable } from "./error-table.ts"
import { MayflyError } from "./mayfly-error.ts"

/** The error of an answer `{ error: { code, … } }`, undefined when the value is none. */
export function errorFromJson(value: unknown): MayflyError | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const { code, message, retry, fix, details, requestId } = value as Record<string, unknown>
  if (typeof code !== "string" || typeof message !== "string") return undefined
  const known = Object.hasOwn(errorTable, code) ? (code as ErrorCode) : undefined
  const given = typeof details === "object" && details !== null ? details : {}
  return new MayflyError(known ?? "server.internal", message, {
    ...(typeof retry === "boolean" ? { retry } : {}),
    ...(typeof fix === "string" ? { fix } : {}),
    details: {
      ...given,
      // A newer server may know more codes than this side.
      ...(known === undefined ? { code } : {}),
      ...(typeof requestId === "string" ? { requestId } : {}),
    },
  })
}

/** What an answer or an event `{ error }` says went wrong; for one that says nothing of the kind `client.not-mayfly`. */
export function answerError(answer: unknown): MayflyError {
  const error = errorFromJson((answer as { readonly error?: unknown } | null | undefined)?.error)
  return error ?? new MayflyError("client.not-mayfly", "the server told of an error without saying which")
}
