import { createPlatform, detectJail, type SecretAlert } from "@mayfly/platform"
import { ensureAdminKey, listen, openDataDirectory, openOwnerSocket, startServer } from "@mayfly/server"
import { exitCodeOf, exitCodes, invalid } from "./command-error.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { type Output, paint } from "./output.ts"
import { printable } from "./printable.ts"
import { readWebhooks } from "./read-webhooks.ts"
import { runDemo } from "./run-demo.ts"
import { whenAborted } from "./when-aborted.ts"
import type { WorkerFlags, WorkerSession } from "./worker-session.ts"

export interface ServeFlags extends WorkerFlags {
  readonly port: string
  readonly host: string
  readonly data: string
  readonly demo?: boolean
  readonly workerPort: string
  readonly webhook?: readonly string[]
  readonly webhookSecret?: string
  readonly sandboxProvider?: readonly string[]
}

/** `mayfly serve`: serves until it is asked to stop. Gives the exit code; never rejects. */
export async function serveCommand(worker: string | undefined, flags: ServeFlags, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    await serve(worker, flags, output, interrupts.signal)
    return exitCodes.ok
  } catch (error) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    await printError(error, output)
    return exitCodeOf(error)
  }
}

async function serve(
  file: string | undefined,
  flags: ServeFlags,
  output: Output,
  interrupted: AbortSignal,
): Promise<void> {
  const { host, allowHost = [] } = flags
  const listener = await listen({ port: parsePort("--port", flags.port), host })
  const session = file === undefined ? undefined : await openSession(file, flags, output)
  using directory = openDataDirectory(flags.data)
  const key = ensureAdminKey(directory)
  // At once: it is shown only this time, whatever happens next.
  if (key.created !== undefined) output.stdout.write(`admin key: ${key.created}\n`)
  const webhooks = readWebhooks(flags, directory, output)
  const [provider, ...offer] = flags.sandboxProvider ?? []
  const sandboxes = provider === undefined ? {} : { provider, offer }
  await using platform = await createPlatform({ dataDir: directory.path, attended: true, webhooks, sandboxes })
  await using socket = await openOwnerSocket(directory)
  platform.onAlert((alert) => printAlert(output, alert))
  if (flags.demo === true) await runDemo(platform, output, interrupted)
  const server = startServer(listener, {
    platform,
    keyHashes: [key.hash, socket.keyHash],
    host,
    allowedHosts: allowHost,
  })
  socket.serve(server.app)
  output.stdout.write(`Mayfly is serving at ${server.url}\n`)
  printProtection(output)
  const stopped = whenAborted(interrupted).then(() => {
    output.stderr.write("stopping: requests under way have a few seconds; press Ctrl-C again to end at once\n")
    return server.stop()
  })
  await session?.serve(platform, interrupted)
  await stopped
}

/** Loaded when there is a worker: most who serve have none. */
async function openSession(file: string, flags: ServeFlags, output: Output): Promise<WorkerSession> {
  const { WorkerSession: Session } = await import("./worker-session.ts")
  const address = { host: flags.host, port: parsePort("--worker-port", flags.workerPort) }
  return Session.open(file, address, flags, output)
}

async function printError(error: unknown, output: Output): Promise<void> {
  const { printLoadError } = await import("./worker-session.ts")
  printLoadError(output, error)
}

function parsePort(option: string, text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw invalid(option, `must be a whole number from 0 to 65535, not "${text}"`)
}

/** The secret's name, and where it was found: both may be of a tenant's choice. */
function printAlert(output: Output, { tenant, secret, where, runId }: SecretAlert): void {
  const text = `alert: the secret "${secret}" of tenant "${tenant}" came back from ${where} and was taken out (${runId})`
  output.stderr.write(`${paint(output, "stderr", "red", printable(text, false))}\n`)
}

function printProtection(output: Output): void {
  const { kind, missing } = detectJail()
  output.stdout.write(`jail: ${kind}\n`)
  if (kind === "bubblewrap+seccomp") return
  const why = `warning: host processes run in a weaker jail: ${missing ?? "unknown"}. \`mayfly doctor\` says how to get the strongest one.`
  output.stderr.write(`${paint(output, "stderr", "yellow", why)}\n`)
}
