import type { PendingEvent } from "../core/journal.ts"
import { decode, encodeResult } from "./codec.ts"

/** What a waiting step gets: Cloudflare's `{ payload, timestamp, type }`. */
export function encodeEventValue({ type, payload, receivedAt }: PendingEvent): string {
  return encodeResult({ payload: decode(payload), timestamp: new Date(receivedAt), type }, "event")
}
