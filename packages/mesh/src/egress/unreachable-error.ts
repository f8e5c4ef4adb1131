import { MayflyError } from "@mayfly/protocol"

export interface Unreachable {
  readonly method: string
  readonly origin: string
  readonly wasConnected: boolean
  /** In words, when more is known than the cause says. */
  readonly why?: string
}

/** Says in words why an allowed origin gave no answer. Only the code of the cause is shown: its text holds addresses. */
export function unreachableError(cause: unknown, { method, origin, wasConnected, why }: Unreachable): MayflyError {
  const code = codeOf(cause)
  const reason =
    why ?? reasons.get(code) ?? (wasConnected ? "its answer could not be read" : "no connection could be made")
  const message = `"${origin}" could not be reached: ${reason}${code === "" ? "" : ` (${code})`}`
  // After a connection stood the request may have had its effect; doing it twice is for the program to decide.
  const retry = !wasConnected || ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].includes(method)
  return new MayflyError("mesh.unreachable", message, { cause, retry, details: { origin, code } })
}

const reasons = new Map([
  ["ECONNREFUSED", "nothing listens there"],
  ["ENOTFOUND", "its name does not resolve"],
  ["EAI_AGAIN", "no name server answered"],
  ["ECONNRESET", "it closed the connection"],
  ["EHOSTUNREACH", "there is no route to it"],
  ["ENETUNREACH", "there is no route to it"],
  ["ETIMEDOUT", "it did not answer in time"],
  ["UND_ERR_CONNECT_TIMEOUT", "it did not answer in time"],
  ["UND_ERR_HEADERS_TIMEOUT", "it did not answer in time"],
  ["UND_ERR_BODY_TIMEOUT", "it stopped in the middle of its answer"],
  ["UND_ERR_SOCKET", "it closed the connection"],
  ["UND_ERR_HEADERS_OVERFLOW", "its headers are too large"],
])

function codeOf(cause: unknown): string {
  if (!(cause instanceof Error) || !("code" in cause)) return ""
  return typeof cause.code === "string" ? cause.code : ""
}
