import { type CommandOptions, type CommandResult, type LogChunk, MayflyError, toTaggedJson } from "@mayfly/protocol"
import { keepOutput } from "./keep-output.ts"
import type { SandboxHttp } from "./sandbox-http.ts"

/** As in the library; `maxOutputBytes` is at most 16 MiB. */
export interface ExecOptions extends CommandOptions {
  readonly stdin?: string | Uint8Array
}

/** As in the library, its output as text. */
export interface ExecResult extends CommandResult {}

/** Runs something to its end, at `path`. With `onOutput` its output comes as events, and is kept here. */
export async function execute<Result extends ExecResult>(
  http: SandboxHttp,
  path: string,
  given: object,
  { signal, onOutput, stdin, ...options }: ExecOptions,
): Promise<Result> {
  const json = { ...given, ...options, ...(stdin === undefined ? {} : { stdin: toTaggedJson(stdin) }) }
  try {
    if (onOutput === undefined) return await http.json("POST", path, { json, signal, retry: false })
    const kept = keepOutput(options.maxOutputBytes)
    for await (const { event, data } of http.events("POST", path, { json, signal })) {
      if (event === "result") {
        const { type: _, ...end } = data as Result & { type: string }
        return { ...end, ...kept.texts, truncated: kept.isCut } as unknown as Result
      }
      if (event === "output") await onOutput(kept.add(data as LogChunk))
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error
    throw new MayflyError("sandbox.aborted", "the call was cancelled; its processes were killed", {
      cause: signal.reason,
    })
  }
  throw new MayflyError("client.disconnected", "the answer ended before the command did")
}
