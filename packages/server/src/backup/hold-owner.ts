import { once } from "node:events"
import { type IncomingMessage, request } from "node:http"
import { join } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import { ownerSocketName } from "@mayfly/store"
import { holdPath } from "../hold-files.ts"

/** A sandbox may be starting, and an object's turn may last. */
const holdMs = 120_000
const maxLine = 1 << 20
/** Of one sandbox: its provider can't, or what runs in it does not let itself be stopped. */
const notHeld = ["sandbox.unsupported", "sandbox.unavailable"] as const

export function isNotHeld(error: unknown): boolean {
  return error instanceof MayflyError && notHeld.some((code) => code === error.code)
}

/**
 * Does `work` while the process that owns the data directory keeps these files of it still; `work` learns which of them there are. Rejects with
 * `platform.data-dir-in-use` when the owner does not answer, or lets go before `work` is done; see `isNotHeld` too.
 */
export async function whileHeld<T>(
  directory: string,
  paths: readonly string[],
  work: (held: readonly string[]) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error("it took too long")), holdMs)
  const response = await ask(join(directory, ownerSocketName), JSON.stringify({ paths }), late.signal)
  try {
    const held = await heldPaths(response)
    clearTimeout(timer)
    const done = await work(held)
    if (response.closed || response.destroyed || response.readableEnded) throw inUse("let go of files too early")
    return done
  } finally {
    clearTimeout(timer)
    response.destroy()
  }
}

async function ask(socketPath: string, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  const asked = request({ socketPath, method: "POST", path: holdPath, signal })
  asked.end(body)
  try {
    const [response] = (await once(asked, "response")) as [IncomingMessage]
    return response
  } catch (cause) {
    throw inUse(`does not answer: ${(cause as Error).message}`, cause)
  }
}

async function heldPaths(response: IncomingMessage): Promise<readonly string[]> {
  const { paths, error } = (await firstLine(response)) as {
    readonly paths?: readonly string[]
    readonly error?: { readonly code?: string; readonly message?: string }
  }
  if (Array.isArray(paths)) return paths
  const code = notHeld.find((known) => known === error?.code)
  if (code !== undefined) throw new MayflyError(code, String(error?.message))
  throw inUse(`can't hold files still: ${error?.message ?? "it is another version; start it again"}`)
}

async function firstLine(response: IncomingMessage): Promise<object> {
  let text = ""
  for await (const chunk of response.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk.toString("utf8")
    const end = text.indexOf("\n")
    if (end !== -1) text = text.slice(0, end)
    if (end !== -1 || text.length > maxLine) break
  }
  // So that its end is seen.
  response.resume()
  try {
    return (JSON.parse(text) ?? {}) as object
  } catch {
    return {}
  }
}

function inUse(problem: string, cause?: unknown): MayflyError {
  return new MayflyError("platform.data-dir-in-use", `the process that uses the data directory ${problem}`, { cause })
}
