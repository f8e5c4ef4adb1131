import { type Platform, runToJson } from "@mayfly/platform"
import type { Context, Handler } from "hono"
import { streamSSE } from "hono/streaming"
import { errorBody, publicError } from "./error-response.ts"
import { parseRunBody } from "./parse-run-body.ts"
import { type BodyLimits, readJsonBody } from "./read-json-body.ts"
import type { RequestSlots } from "./request-slots.ts"
import { eventToMessage } from "./run-events.ts"
import { type Program, runProgram, streamProgram } from "./run-program.ts"
import { type ServerLog, unexpected } from "./server-log.ts"
import { wantsEvents } from "./wants-events.ts"

export interface RunRouteOptions {
  readonly platform: Platform
  readonly slots: RequestSlots
  readonly body: BodyLimits
  /** Cancels all runs: the server stops. */
  readonly stopping: AbortSignal
  readonly log: ServerLog
}

/** How often a silent event stream shows that it is alive; it also finds out about clients that went away without a word. */
const beatMs = 15_000

/** `POST /v1/run`. The client's going away cancels the run. */
export function runRoute(options: RunRouteOptions): Handler {
  return async (c) => {
    using held = new DisposableStack()
    held.use(options.slots.take())
    const body = held.use(await readJsonBody(c.req.raw, options.body))
    const program = parseRunBody(body.value, options.platform)
    if (wantsEvents(c.req.header("accept"))) return streamRun(c, program, options, held.move())
    const run = await runProgram(program, AbortSignal.any([c.req.raw.signal, options.stopping]))
    return c.json(runToJson(run))
  }
}

function streamRun(c: Context, program: Program, { stopping, log }: RunRouteOptions, held: Disposable): Response {
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, c.req.raw.signal, stopping])
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => gone.abort())
    const beat = setInterval(() => void stream.write(": still running\n\n"), beatMs)
    try {
      for await (const event of streamProgram(program, signal)) await stream.writeSSE(eventToMessage(event))
    } catch (error) {
      const requestId = String(c.get("requestId"))
      const known = publicError(error)
      if (known !== error) log(unexpected(error, requestId))
      await stream.writeSSE({ event: "error", data: JSON.stringify({ type: "error", ...errorBody(known, requestId) }) })
    } finally {
      clearInterval(beat)
      held[Symbol.dispose]()
    }
  })
}
