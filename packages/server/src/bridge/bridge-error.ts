import { MayflyError } from "@mayfly/protocol"
import { errorBody } from "../error-response.ts"
import type { Call } from "../route/call.ts"

/** The codes of the bridge's own. */
export type BridgeCode =
  | "unauthorized"
  | "invalid_request"
  | "payload_too_large"
  | "exec_transport_error"
  | "workspace_read_not_found"
  | "workspace_archive_read_error"
  | "workspace_archive_write_error"
  | "capacity_exceeded"
  | "mount_error"
  | "unmount_error"
  | "session_error"
  | "tunnel_error"

const bridgePaths = /^\/v1\/(?:sandbox|pool)(?:\/|$)/

export function isBridgePath(path: string): boolean {
  return bridgePaths.test(path)
}

export function bridgeAnswer(error: string, code: BridgeCode, status: number): Response {
  return Response.json({ error, code }, { status })
}

export interface Failing {
  readonly code: BridgeCode
  readonly what: string
}

export interface BridgeError {
  readonly body: { readonly error: string; readonly code: BridgeCode; readonly mayfly: object }
  readonly status: number
}

/** An error as the bridge tells it: where it has words of its own these, else the code of what was tried. As `mayfly` the error in our words is beside it. */
export function bridgeErrorOf(error: MayflyError, { code, what }: Failing, requestId: string): BridgeError {
  const { status, message } = error
  const { error: mayfly } = errorBody(error, requestId)
  const told = (text: string, as: BridgeCode, by: number): BridgeError => ({
    body: { error: text, code: as, mayfly },
    status: by,
  })
  if (status === 401) return told("Unauthorized", "unauthorized", 401)
  if (error.code.startsWith("auth.")) return told(message, "unauthorized", status)
  if (error.code === "sandbox.file" && error.details["errno"] === "EACCES") return told(outsideText("path"), "invalid_request", 403) // oxfmt-ignore
  switch (error.code) {
    case "worker.queue-full":
    case "sandbox.unavailable":
      return told(message, "capacity_exceeded", 503)
    case "server.too-large":
      return told(message, "payload_too_large", 413)
    case "server.upgrade-required":
      return told("WebSocket upgrade required", "invalid_request", 400)
    case "server.not-found":
      return told(message, "invalid_request", 404)
    case "input.invalid":
    case "input.idempotency-conflict":
    case "input.idempotency-unknown":
      return told(message, "invalid_request", status)
    default:
      return told(`${what} failed: ${message}`, code, 502)
  }
}

function outsideText(what: string): string {
  return `${what} must resolve to a location within /workspace`
}

export function outside(what: string): Response {
  return bridgeAnswer(outsideText(what), "invalid_request", 403)
}

/** What `work` gives, or its failure in the bridge's words. A failure of ours goes to the log, and gets its words later. */
export async function answering(
  failing: Failing,
  { c, access, query }: Call,
  work: () => Promise<unknown>,
): Promise<unknown> {
  try {
    // Before anything else is said: a key of another tenant learns nothing.
    access.tenant((query as { readonly tenant?: string }).tenant)
    return await work()
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error
    const { body, status } = bridgeErrorOf(error, failing, String(c.get("requestId")))
    return Response.json(body, { status })
  }
}
