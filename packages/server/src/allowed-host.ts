import { isIP } from "node:net"
import { isLoopback } from "@mayfly/protocol"

const hostHeader = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i

/**
 * Whether a request with this Host header may have been meant for us. A page whose name was rebound to this address (DNS rebinding) sends its
 * own name. Addresses are safe when the server is bound to all: rebinding needs a name.
 */
export function isAllowedHost(header: string, bound: string, more: readonly string[] = []): boolean {
  const match = hostHeader.exec(header)
  if (match === null) return false
  const name = bare(match[1] ?? "")
  if (isLoopback(name)) return true
  if (isUnspecified(bound) && isIP(name) !== 0) return true
  return [bound, ...more].some((host) => bare(host) === name)
}

/** Whether a request's Origin header, if it has one, is our own: pages of other sites may not call. */
export function isOwnOrigin(origin: string | undefined, host: string): boolean {
  if (origin === undefined) return true
  const lower = host.toLowerCase()
  return origin === `http://${lower}` || origin === `https://${lower}`
}

function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || host === "::"
}

function bare(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$/g, "")
}
