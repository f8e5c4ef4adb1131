import { resolve } from "node:path"
import type { ApiFlags } from "./api-options.ts"
import { invalid } from "./command-error.ts"
import { isKey } from "./is-key.ts"
import { readProfile } from "./profiles.ts"
import { serverUrl } from "./server-url.ts"

/** Where the API is that a command means. */
export type ApiPlace =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "server"; readonly url: URL; readonly key: string }

/**
 * `--url` first, then `--profile`, then `--data`; MAYFLY_URL, MAYFLY_PROFILE and MAYFLY_DATA count when none of these is given, so that what somebody typed is
 * what happens. Throws `input.invalid`.
 */
export function apiPlace({ data, url, profile }: Pick<ApiFlags, "data" | "url" | "profile">): ApiPlace {
  const { MAYFLY_URL, MAYFLY_PROFILE } = process.env
  if (url !== undefined) return named(url, "--url")
  if (profile !== undefined) return kept(profile, "--profile")
  if (data !== undefined) return { kind: "directory", path: resolve(data) }
  if (MAYFLY_URL !== undefined && MAYFLY_URL !== "") return named(MAYFLY_URL, "MAYFLY_URL")
  if (MAYFLY_PROFILE !== undefined && MAYFLY_PROFILE !== "") return kept(MAYFLY_PROFILE, "MAYFLY_PROFILE")
  return { kind: "directory", path: resolve(dataDefault()) }
}

/** Where a server that is started with the same environment has its data. */
export function dataDefault(): string {
  return process.env["MAYFLY_DATA"] || "./.mayfly"
}

function named(text: string, option: string): ApiPlace {
  const url = serverUrl(text, option)
  const key = process.env["MAYFLY_KEY"]
  if (key !== undefined && isKey(key)) return { kind: "server", url, key }
  throw invalid("MAYFLY_KEY", "must be set to a key of the server, or `mayfly login URL` and --profile be used")
}

/** The profile's own key, whatever MAYFLY_KEY says: that may be one of another server. */
function kept(name: string, option: string): ApiPlace {
  const { url, key } = readProfile(name, option)
  return { kind: "server", url: new URL(url), key }
}
