import { type ErrorCode, errorTable, MayflyError } from "@mayfly/protocol"

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
      // A newer server may know more codes than this client.
      ...(known === undefined ? { code } : {}),
      ...(typeof requestId === "string" ? { requestId } : {}),
    },
  })
}
