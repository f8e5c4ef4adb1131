import type { IncomingMessage, ServerResponse } from "node:http"
import type { Platform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"

/** Not a part of the API: whoever asks copies the files himself. */
export const holdPath = "/hold"
const maxBody = 1 << 20
const maxPaths = 1_000
/** Whoever copies may have stopped, and a sandbox must not wait for it for ever. */
const maxHoldMs = 600_000

/**
 * Answers `{ paths }` of the data directory with a line that says which are held, and holds them for as long as the connection is open, for ten minutes at most:
 * a connection that ends before the caller ends it tells that something may have changed.
 */
export async function answerHold(
  platform: Pick<Platform, "hold">,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const paths = parsePaths(await bodyOf(request))
    const gone = new Promise<void>((resolve) => response.once("close", () => resolve()))
    await using held = await platform.hold(paths)
    response.writeHead(200, { "content-type": "application/x-ndjson" })
    response.write(`${JSON.stringify({ paths: held.paths })}\n`)
    const late = setTimeout(() => response.destroy(), maxHoldMs)
    await gone
    clearTimeout(late)
  } catch (error) {
    const { code, message } =
      error instanceof MayflyError ? error : new MayflyError("server.internal", "the files can't be held")
    response.writeHead(409, { "content-type": "application/json" }).end(JSON.stringify({ error: { code, message } }))
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ""
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString("utf8")
    if (text.length > maxBody) throw new MayflyError("input.invalid", "too much was asked for")
  }
  return text
}

function parsePaths(text: string): readonly string[] {
  try {
    const { paths } = JSON.parse(text) as { readonly paths?: unknown }
    if (Array.isArray(paths) && paths.length <= maxPaths && paths.every((path) => typeof path === "string"))
      return paths
  } catch {
    // Said below.
  }
  throw new MayflyError("input.invalid", `paths must be a list of at most ${maxPaths} texts`)
}
