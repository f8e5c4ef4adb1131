import { setTimeout as delay } from "node:timers/promises"
import { MayflyError, type ServerEvent } from "@mayfly/protocol"
import type { Api } from "./api.ts"

export interface FollowOptions {
  /** Behind which event to begin. */
  readonly cursor?: string
  readonly signal: AbortSignal
  /** Told once each time that the connection is lost. */
  readonly onLost?: () => void
}

const patienceMs = 60_000
const [firstWaitMs, longestWaitMs] = [200, 2_000]

/**
 * Events that have ids, also when the server is restarted meanwhile: it is asked again for those behind the last one. Rejects when a server does not
 * come back for a minute, and with what it answers; ends when the signal fires. Without a server the events end when they end.
 */
export async function* followEvents(
  api: Api,
  path: string,
  { cursor: first, signal, onLost }: FollowOptions,
): AsyncGenerator<ServerEvent, void, void> {
  let [cursor, lostAt, waitMs, isBegun] = [first, 0, firstWaitMs, false]
  while (!signal.aborted) {
    try {
      for await (const event of api.events(withCursor(path, cursor), signal)) {
        ;[isBegun, lostAt, waitMs] = [true, 0, firstWaitMs]
        cursor = event.id ?? cursor
        yield event
      }
      if (!api.isLasting) return
    } catch (error) {
      if (signal.aborted) return
      if (!isBegun || !isPassing(error) || (lostAt > 0 && performance.now() - lostAt > patienceMs)) throw error
    }
    if (lostAt === 0) {
      lostAt = performance.now()
      onLost?.()
    }
    isBegun = true
    await delay(waitMs, undefined, { signal }).catch(() => {})
    waitMs = Math.min(2 * waitMs, longestWaitMs)
  }
}

/** A connection that broke is no error of ours; a process that owned the directory may be followed by another. */
function isPassing(error: unknown): boolean {
  return !(error instanceof MayflyError) || error.retry || error.code === "platform.data-dir-in-use"
}

function withCursor(path: string, cursor: string | undefined): string {
  if (cursor === undefined) return path
  const { pathname, searchParams } = new URL(path, "http://localhost")
  searchParams.set("cursor", cursor)
  return `${pathname}?${searchParams.toString()}`
}
