import { toTaggedJson } from "@mayfly/protocol"
import type { OutputChunk, SandboxHttp } from "./sandbox-http.ts"

export interface ExecOptions {
  /** Default /workspace. */
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
  /** Then the whole tree of processes is killed; the exit code is 124. Default: none. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (chunk: OutputChunk) => unknown
  /** Of each stream this much is kept. Default and most: 16 MiB. */
  readonly maxOutputBytes?: number
}

export interface ExecResult {
  readonly exitCode: number
  readonly success: boolean
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
  readonly truncated: boolean
  readonly durationMs: number
}

/** Runs something to its end, at `path`. With `onOutput` its output comes as events, and is kept here. */
export async function execute<Result extends ExecResult>(
  http: SandboxHttp,
  path: string,
  given: object,
  { signal, onOutput, stdin, ...options }: ExecOptions,
): Promise<Result> {
  const json = { ...given, ...options, ...(stdin === undefined ? {} : { stdin: toTaggedJson(stdin) }) }
  if (onOutput === undefined) return http.json("POST", path, { json, signal, retry: false })
  const kept = { stdout: "", stderr: "" }
  const most = options.maxOutputBytes ?? 16 << 20
  let isCut = false
  for await (const { type, data } of http.events("POST", path, { json, signal })) {
    if (type === "result") {
      const { type: _, ...end } = data as Result & { type: string }
      return { ...end, ...kept, truncated: isCut } as unknown as Result
    }
    const { stream, text } = data as OutputChunk
    isCut ||= kept[stream].length + text.length > most
    kept[stream] = (kept[stream] + text).slice(0, most)
    await onOutput({ stream, text })
  }
  signal?.throwIfAborted()
  throw new Error("the answer ended before the command did")
}
