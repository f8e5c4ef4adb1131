import { PassThrough, Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createZstdCompress, createZstdDecompress } from "node:zlib"
import { MayflyError, type PackOptions } from "@mayfly/protocol"
import { invalid } from "./sandbox-options.ts"
import type { ProviderProcess, ProviderSandbox, SpawnRequest } from "./sandbox-provider.ts"

const maxComplaint = 2_000

/** Files as an archive. Packed inside the sandbox, so that no link of a guest's leads to a file of the host's. */
export async function packFiles(sandbox: ProviderSandbox, options: PackOptions = {}): Promise<Readable> {
  const { path, excludes = [] } = options
  const isPacked = isCompressed(options)
  const what = path === undefined ? ["-C", "/", "workspace", "home/user"] : ["-C", path, "."]
  const process = await sandbox.spawn(command(["-cf", "-", ...excludes.map((each) => `--exclude=./${each}`), ...what]))
  process.stdin.end()
  const complaint = collect(process.stderr)
  const output = new PassThrough()
  const through = isPacked ? [createZstdCompress()] : []
  void pipeline([process.stdout, ...through, output], { end: false })
    .then(() => finish(process, complaint, "pack"))
    .then(
      () => output.end(),
      (error: Error) => output.destroy(error),
    )
  output.once("close", () => process.cancel())
  return output
}

/** Unpacks an archive. Unpacked inside the sandbox: whatever its paths say, they lead to nothing but the sandbox. */
export async function unpackFiles(
  sandbox: ProviderSandbox,
  archive: AsyncIterable<Uint8Array>,
  options: PackOptions = {},
): Promise<void> {
  const { path = "/" } = options
  const through = isCompressed(options) ? [createZstdDecompress()] : []
  if (options.path !== undefined) await sandbox.files.mkdir(path, true)
  const process = await sandbox.spawn(command(["-xf", "-", "-C", path, "--no-same-owner"]))
  const complaint = collect(process.stderr)
  process.stdout.resume()
  try {
    await pipeline([Readable.from(archive), ...through, process.stdin])
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // tar ends early when it can't go on, and says why.
    if (code !== undefined && !code.startsWith("ERR_STREAM") && !/^E[A-Z]+$/.test(code)) {
      process.cancel()
      throw new MayflyError("input.invalid", "the archive is not a tar.zst", { cause: error })
    }
    process.stdin.destroy()
  }
  await finish(process, complaint, "unpack")
}

function isCompressed({ format = "tar.zst" }: PackOptions): boolean {
  if (format !== "tar" && format !== "tar.zst") throw invalid("format", 'must be "tar" or "tar.zst"')
  return format === "tar.zst"
}

async function finish(process: ProviderProcess, complaint: Promise<string>, verb: string): Promise<void> {
  const { code } = await process.exited
  if (code === 0) return
  const text = await complaint
  // 1: a file changed while it was read.
  if (code === 1 && verb === "pack") return
  const isFull = /No space left|Disk quota/.test(text)
  throw new MayflyError(isFull ? "sandbox.disk-full" : "sandbox.file", `tar could not ${verb} the files: ${text}`)
}

function command(args: readonly string[]): SpawnRequest {
  return { argv: ["tar", ...args], cwd: "/", env: {}, hasStdin: true, timeoutMs: null, pty: null }
}

/** Never rejects: the sandbox may end meanwhile. */
async function collect(stream: Readable): Promise<string> {
  let text = ""
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>)
      if (text.length < maxComplaint) text = (text + chunk.toString("utf8")).slice(0, maxComplaint)
  } catch {
    // What it said so far will do.
  }
  return text.trim()
}
