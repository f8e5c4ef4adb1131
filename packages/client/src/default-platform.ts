import { MayflyError } from "@mayfly/protocol"
import type { ConnectOptions, RemotePlatform } from "./remote-platform.ts"

let connected: RemotePlatform | undefined
let connect: ((options: ConnectOptions) => RemotePlatform) | undefined

/** How the default platform is made; said once, by the package's index. */
export function provideConnect(make: (options: ConnectOptions) => RemotePlatform): void {
  connect = make
}

/** The server of the environment variables MAYFLY_URL, MAYFLY_KEY and MAYFLY_TENANT. */
export function defaultPlatform(): RemotePlatform {
  connected ??= connect?.(environmentOptions())
  if (connected === undefined) throw new TypeError("the package's index was not loaded")
  return connected
}

function environmentOptions(): ConnectOptions {
  const { env } = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process ?? {}
  const { MAYFLY_URL: url, MAYFLY_KEY: key, MAYFLY_TENANT: tenant } = env ?? {}
  if (url === undefined) {
    throw new MayflyError("input.invalid", "no server is named", {
      fix: "Give `platform: connect({ url, key })`, or set MAYFLY_URL and MAYFLY_KEY.",
      details: { path: "platform" },
    })
  }
  return { url, ...(key === undefined ? {} : { key }), ...(tenant === undefined ? {} : { tenant }) }
}
