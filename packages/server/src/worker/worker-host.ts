import type { IncomingHttpHeaders } from "node:http"
import { MayflyError } from "@mayfly/protocol"
import { isAllowedHost } from "../allowed-host.ts"

export interface HostRules {
  /** The address that is bound. */
  readonly host: string
  /** Further names by which the worker may be called. `*` stands for any. */
  readonly allowedHosts?: readonly string[]
}

/** A page whose name was rebound to this address must not reach a worker that only this machine may call. */
export function checkWorkerHost({ host = "localhost" }: IncomingHttpHeaders, rules: HostRules): void {
  if (isName(host, rules)) return
  throw new MayflyError("auth.host", `the worker does not answer to the host "${host}"`, {
    details: { host },
    fix: "Call it by the address that was printed, or start `mayfly serve` with --allow-host NAME.",
  })
}

/** Browsers let any page open a WebSocket to any address and read what comes: only who checks the origin is safe from that. */
export function checkWorkerOrigin({ origin }: IncomingHttpHeaders, rules: HostRules): void {
  if (origin === undefined || rules.allowedHosts?.includes("*") === true) return
  const name = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]
  if (name !== undefined && isName(name, rules)) return
  throw new MayflyError("auth.host", `pages of "${origin}" may not open WebSockets to the worker`, {
    details: { origin },
    fix: "Start `mayfly serve` with --allow-host and the name of the page's host.",
  })
}

function isName(given: string, { host, allowedHosts = [] }: HostRules): boolean {
  const name = given.replace(/:\d+$/, "").toLowerCase()
  if (/^[a-z0-9.-]+\.localhost$/.test(name) || isAllowedHost(given, host, allowedHosts)) return true
  return allowedHosts.includes("*") && /^[\w.:[\]-]+$/.test(given)
}
