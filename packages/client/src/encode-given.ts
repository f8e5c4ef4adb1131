import { MayflyError } from "@mayfly/protocol"
import { CloneError } from "@mayfly/protocol/clone"
import type { RemoteMessage, RemoteValues } from "@mayfly/protocol/remote"

/** A caller's options as a message. Throws `worker.not-serializable` naming the path of what can't be passed. */
export function encodeGiven(values: RemoteValues, given: object): RemoteMessage {
  try {
    return values.encode(given, root)
  } catch (error) {
    if (!(error instanceof CloneError)) throw error
    const path = withoutRoot(error.path)
    throw new MayflyError("worker.not-serializable", withoutRoot(error.message), { details: { path }, cause: error })
  }
}

const root = "given"

function withoutRoot(text: string): string {
  return text.startsWith(`${root}.`) ? text.slice(root.length + 1) : text
}
