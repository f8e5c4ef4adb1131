import { base64ToBytes, cloneValue, decodeValue, encodeValue } from "@mayfly/protocol/clone"
import { RpcTarget } from "../../bridge/rpc-target.ts"
import { ReadableTarget } from "../../bridge/stream-target.ts"
import { createGuestSession } from "../guest-session.ts"
import { createLoopback } from "../loopback.ts"
import { createRunSignal } from "../run-signal.ts"

/** What only values beyond plain JSON and bindings need: the whole clone codec and the bridge. */
const rich = {
  base64ToBytes,
  cloneValue,
  createGuestSession,
  createLoopback,
  createRunSignal,
  decodeValue,
  encodeValue,
  ReadableTarget,
  RpcTarget,
}

export type Rich = typeof rich

export default function loadRich(): Record<string, unknown> {
  return rich
}
