import type { Platform } from "@mayfly/platform"
import type { Keys } from "../auth/keys.ts"
import type { FairShare } from "../fair-share.ts"
import type { Idempotency } from "../idempotency/idempotency.ts"
import type { BodyLimits } from "../read-json-body.ts"
import type { RequestSlots } from "../request-slots.ts"
import type { ServerLog } from "../server-log.ts"
import type { SocketRelays } from "../sockets/socket-relays.ts"
import type { Metrics } from "../telemetry/metrics.ts"

/** Each kind of place is bounded apart, so that those who stay long don't take the places of short calls. */
export type PlaceName = "requests" | "sandboxes" | "hooks" | "followers" | "workflowFollowers" | "sockets"

/** What handlers work with: one object for all routes of a server. */
export interface ServerParts {
  readonly platform: Platform
  readonly keys: Keys
  readonly idempotency: Idempotency
  readonly places: Readonly<Record<PlaceName, RequestSlots>>
  /** WebSockets between clients and named workers. */
  readonly relays: SocketRelays
  readonly body: BodyLimits
  /** Bytes of answers that wait for their readers. */
  readonly answers: FairShare
  /** The server takes no new requests: streams that can be taken up again elsewhere end. */
  readonly draining: AbortSignal
  /** Cancels all that is under way. */
  readonly stopping: AbortSignal
  readonly log: ServerLog
  /** Undefined where nobody may read them. */
  readonly metrics: Metrics | undefined
  /** Asks this very server, as any client would: with its key, through all that guards its routes. */
  self(request: Request): Promise<Response>
}
