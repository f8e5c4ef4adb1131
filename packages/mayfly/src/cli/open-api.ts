import { directoryOwner } from "@mayfly/store"
import type { Api } from "./api.ts"
import type { ApiFlags } from "./api-options.ts"
import { apiPlace } from "./api-place.ts"
import { ownerApi, serverApi } from "./http-api.ts"

export interface OpenOptions {
  /** Whether it lasts: other commands reach the directory through this process then, and programs can have somebody asked. Default false. */
  readonly isAttended?: boolean
}

/** The API of a server, or of the process that owns the directory; when none does, this one owns it meanwhile. */
export async function openApi(
  flags: Pick<ApiFlags, "data" | "url" | "profile">,
  { isAttended = false }: OpenOptions = {},
): Promise<Api> {
  const place = apiPlace(flags)
  if (place.kind === "server") return serverApi(place.url, place.key)
  const owner = directoryOwner(place.path)
  if (owner !== undefined) return ownerApi(place.path, owner.pid)
  // Loaded only here: who talks to a server needs none of it.
  const { ownApi } = await import("./own-api.ts")
  return ownApi(place.path, isAttended)
}
