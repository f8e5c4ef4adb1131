import type { RemoteMessage, RemoteValues } from "@mayfly/protocol/remote"
import { publicError } from "../error-response.ts"

/** What `act` gives, or its error for the client: coded, without what only the server's log may know. */
export async function outcomeOf<T>(values: RemoteValues, act: () => Promise<T>): Promise<T | { error: RemoteMessage }> {
  try {
    return await act()
  } catch (error) {
    return { error: values.encode(publicError(error).toJSON()) }
  }
}
