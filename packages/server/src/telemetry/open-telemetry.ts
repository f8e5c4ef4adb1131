import type { Platform } from "@mayfly/platform"
import { isLoopback, listenToTelemetry, MayflyError } from "@mayfly/protocol"
import type { Settings } from "../config/settings.ts"
import { openGuestLog } from "../log/guest-log.ts"
import type { ServerLog } from "../server-log.ts"
import type { Metrics } from "./metrics.ts"

export interface OpenTelemetry extends AsyncDisposable {
  /** Undefined when they are off. */
  readonly metrics: Metrics | undefined
}

/** What the settings ask for: numbers, traces, the log of programs. Each is loaded only when it is wanted. Throws `input.invalid`. */
export async function openTelemetry(settings: Settings, platform: Platform, log: ServerLog): Promise<OpenTelemetry> {
  const { metrics, otlp, host } = settings
  if (metrics.access === "open" && !isLoopback(host)) {
    const message = `metrics.access can't be "open" while host is "${host}": everybody who reaches it could read them`
    throw new MayflyError("input.invalid", message, { details: { path: "metrics.access" } })
  }
  await using opened = new AsyncDisposableStack()
  guestLog(settings, opened)
  const { endpoint } = otlp
  if (endpoint !== undefined) {
    const { openTracing } = await import("./open-tracing.ts")
    const onFailure = (text: string): void => log({ level: "warn", message: `traces are lost: ${text}` })
    opened.use(await openTracing({ ...otlp, endpoint, onFailure }))
  }
  const loaded = metrics.access === "off" ? undefined : await import("./metrics.ts")
  const numbers = loaded === undefined ? undefined : opened.use(new loaded.Metrics(() => platform.stats(), metrics))
  const owned = opened.move()
  return { metrics: numbers, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function guestLog({ log }: Settings, opened: AsyncDisposableStack): void {
  if (log.guests === undefined) return
  const guests = opened.use(openGuestLog({ target: log.guests, maxBytes: log.guestsMaxBytes }))
  opened.use(listenToTelemetry({ log: (line) => guests.write(line) }))
}
