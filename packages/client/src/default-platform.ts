import { MayflyError } from "@mayfly/protocol"
import { connect, type RemotePlatform } from "./remote-platform.ts"

let shared: RemotePlatform | undefined

/** The server of the environment variables MAYFLY_URL, MAYFLY_KEY and MAYFLY_TENANT. */
export function defaultPlatform(): RemotePlatform {
  if (shared !== undefined) return shared
  const { env } = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process ?? {}
  const { MAYFLY_URL: url, MAYFLY_KEY: key, MAYFLY_TENANT: tenant } = env ?? {}
  if (url === undefined) {
    throw new MayflyError("input.invalid", "no server is named", {
      fix: "Give `platform: connect({ url, key })`, or set MAYFLY_URL and MAYFLY_KEY.",
      details: { path: "platform" },
    })
  }
  shared = connect({ url, ...(key === undefined ? {} : { key }), ...(tenant === undefined ? {} : { tenant }) })
  return shared
}
