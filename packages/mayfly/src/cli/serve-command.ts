import { createPlatform, detectJail, type Platform, type PlatformOptions, type SecretAlert } from "@mayfly/platform"
import { isLoopback, MayflyError } from "@mayfly/protocol"
import {
  createLog,
  ensureAdminKey,
  listen,
  missingProtections,
  openDataDirectory,
  openOwnerSocket,
  openTelemetry,
  startServer,
} from "@mayfly/server"
import type { Settings } from "@mayfly/server/config"
import { exitCodeOf, exitCodes } from "./command-error.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { openStored } from "./open-stored.ts"
import { type Output, paint } from "./output.ts"
import { printable } from "./printable.ts"
import { readWebhooks } from "./read-webhooks.ts"
import { runDemo } from "./run-demo.ts"
import { type ConfigFlags, printSettings, serveSettings } from "./serve-settings.ts"
import { whenAborted } from "./when-aborted.ts"
import type { WorkerSession } from "./worker-session.ts"
import type { VarFlags } from "./worker-vars.ts"

/** Beside these: a flag for each setting that has one, as texts. */
export interface ServeFlags extends VarFlags, ConfigFlags {
  readonly demo?: boolean
  readonly watch?: boolean
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
  const effective = serveSettings(flags)
  if (flags.printConfig === true) return printSettings(effective, flags.json === true, output)
  const { settings } = effective
  const { host, port, allowedHosts, http, graceMs } = settings
  using log = createLog({ level: settings.log.level, format: logFormat(settings, output) })
  const listener = await listen({ port, host, ...http, log: log.log })
  const session = file === undefined ? undefined : await openSession(file, settings, flags, output)
  using directory = openDataDirectory(settings.data)
  const key = ensureAdminKey(directory)
  // At once: it is shown only this time, whatever happens next.
  if (key.created !== undefined) output.stdout.write(`admin key: ${key.created}\n`)
  const webhooks = readWebhooks(settings, directory, output)
  await using platform = await createPlatform({ ...platformOptions(settings), dataDir: directory, webhooks })
  await openStored(platform, directory)
  if (settings.require === "hardened") await requireHardened(settings, platform)
  await using socket = await openOwnerSocket(directory, platform)
  platform.onAlert((alert) => printAlert(output, alert))
  await using telemetry = await openTelemetry(settings, platform, log.log)
  if (flags.demo === true) await runDemo(platform, output, interrupted)
  const server = startServer(listener, {
    platform,
    keyHashes: [key.hash, socket.keyHash],
    host,
    allowedHosts,
    graceMs,
    corsOrigins: settings.corsOrigins,
    ...given({ previewHost: settings.previewHost }),
    bodyTimeoutMs: http.bodyTimeoutMs,
    wrongKeys: { max: http.wrongKeysPerMinute, perMs: 60_000 },
    maxRequests: http.maxRequests,
    maxBodyBytes: http.maxBodyBytes,
    maxHeldBytes: http.maxHeldBytes,
    log: log.log,
    metricsAreOpen: settings.metrics.access === "open",
    trustCallers: settings.otlp.trustCallers,
    ...(telemetry.metrics === undefined ? {} : { metrics: telemetry.metrics }),
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

function platformOptions({
  hosts,
  isolates,
  spare,
  limits,
  objects,
  openRuns,
  retention,
  sandboxProviders,
  host,
  // Who serves others than this machine has tenants that are not the operator.
  privateTenants = isLoopback(host) ? ["*"] : ["default"],
  quota,
  budget,
}: Settings): PlatformOptions {
  const { ledgerMs, runs, runsMs } = retention
  const [provider, ...offer] = sandboxProviders
  return {
    attended: true,
    ...(hosts === undefined ? {} : { hosts }),
    isolates,
    spare,
    limits: given(limits),
    facets: given(objects),
    privateTenants: privateTenants.includes("*") ? "all" : privateTenants,
    openRuns: given(openRuns),
    // The platform checks what is in them.
    quota,
    budget,
    history: runs === 0 ? false : { maxRuns: runs, maxAgeMs: runsMs },
    ...(provider === undefined ? {} : { sandboxes: { provider, offer } }),
    ...(ledgerMs === undefined ? {} : { retainLedgerMs: ledgerMs }),
  }
}

/** Without what nobody set. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

function logFormat({ log }: Settings, { stderr }: Output): "json" | "pretty" {
  if (log.format !== "auto") return log.format
  return stderr.isTTY ? "pretty" : "json"
}

async function requireHardened(settings: Settings, platform: Platform): Promise<void> {
  const missing = await missingProtections(settings, platform)
  if (missing.length > 0) throw new MayflyError("platform.not-hardened", missing.join("; "), { details: { missing } })
}

/** Loaded when there is a worker: most who serve have none. */
async function openSession(
  file: string,
  { host, worker, allowedHosts: allowHost }: Settings,
  flags: ServeFlags,
  output: Output,
): Promise<WorkerSession> {
  const { WorkerSession: Session } = await import("./worker-session.ts")
  return Session.open(file, { host, port: worker.port }, { ...flags, allowHost }, output)
}

async function printError(error: unknown, output: Output): Promise<void> {
  const { printLoadError } = await import("./worker-session.ts")
  printLoadError(output, error)
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
