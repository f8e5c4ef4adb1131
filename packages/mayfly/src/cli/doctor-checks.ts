import { availableParallelism, totalmem } from "node:os"
import {
  createPlatform,
  detectJail,
  DynamicWorker,
  type Jail,
  type ProviderReport,
  providerNames,
} from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { sandboxChecks } from "./sandbox-checks.ts"

/** One thing that running programs needs, or is safer with. */
export interface Check {
  readonly name: string
  readonly status: "ok" | "missing"
  /** What there is, or what is wrong. */
  readonly detail: string
  /** How to get what is missing. */
  readonly fix?: string
  /** Whether nothing works without it. */
  readonly isRequired: boolean
}

const minimumNode = 24
const minimumMemoryMb = 512

/** Looks at everything, also after something is missing. */
export async function doctorChecks(): Promise<Check[]> {
  return [
    nodeCheck(process.version),
    ...(await engineChecks()),
    jailCheck(detectJail()),
    ...(await sandboxChecks()),
    ...machineChecks(),
  ]
}

export function nodeCheck(version: string): Check {
  const common = { name: "node", detail: version, isRequired: true }
  if (Number(/^v(\d+)/.exec(version)?.[1]) >= minimumNode) return { ...common, status: "ok" }
  return { ...common, status: "missing", fix: `Install Node ${minimumNode} or later.` }
}

export function jailCheck({ kind, missing }: Jail): Check {
  const common = { name: "jail", isRequired: false }
  if (kind === "bubblewrap+seccomp")
    return { ...common, status: "ok", detail: `${kind}: no network, no files, few system calls` }
  const detail = `only "${kind}": ${missing ?? "the reason is not known"}`
  return { ...common, status: "missing", detail, fix: jailFix(missing ?? "") }
}

function jailFix(missing: string): string {
  if (missing.includes("not installed"))
    return "Install bubblewrap: `apt-get install bubblewrap`, `dnf install bubblewrap` or `apk add bubblewrap`."
  if (missing.includes("namespaces")) {
    return "Allow user namespaces: `sysctl kernel.unprivileged_userns_clone=1`; in a container, a seccomp profile that lets bubblewrap make them."
  }
  return "Run on Linux (x64 or arm64), or inside a virtual machine or container of your own."
}

/** isolated-vm and the build are looked for when a platform starts; then a real program runs. */
async function engineChecks(): Promise<Check[]> {
  const started = performance.now()
  try {
    const platform = await createPlatform({ hosts: 1, isolates: 1, spare: false })
    const engine: Check = {
      name: "isolated-vm",
      status: "ok",
      detail: "the native library for this Node is there",
      isRequired: true,
    }
    const host = await hostCheck(platform, started)
    const others = providerNames.filter((name) => name !== "bubblewrap")
    const sandboxes = await Promise.all(others.map((name) => sandboxCheck(platform, name)))
    await platform.dispose()
    return [engine, host, ...sandboxes]
  } catch (error) {
    return [{ name: "isolated-vm", status: "missing", ...said(error), isRequired: true }]
  }
}

async function hostCheck(platform: Awaited<ReturnType<typeof createPlatform>>, started: number): Promise<Check> {
  const common = { name: "host process", isRequired: true }
  try {
    const worker = await DynamicWorker.create({ script: "1 + 1", platform })
    const result = await worker.run(undefined, { signal: AbortSignal.timeout(20_000) })
    if (result !== 2)
      return { ...common, status: "missing", detail: `1 + 1 gave ${String(result)}`, fix: "Please report this." }
    return { ...common, status: "ok", detail: `started and ran 1 + 1 in ${Math.round(performance.now() - started)} ms` }
  } catch (error) {
    return { ...common, status: "missing", ...said(error) }
  }
}

/** Bubblewrap is looked at in depth elsewhere. Each is needed only by who uses sandboxes that it holds. */
async function sandboxCheck(platform: Awaited<ReturnType<typeof createPlatform>>, provider: string): Promise<Check> {
  const common = { name: provider, isRequired: false }
  try {
    const { isolation, limits } = await platform.env.SANDBOX.probe(provider)
    return { ...common, status: "ok", detail: `sandboxes: ${isolation}; limits ${limitsText(limits)}` }
  } catch (error) {
    const { detail, fix } = said(error)
    return { ...common, status: "missing", detail: `no sandboxes of this provider: ${detail}`, fix }
  }
}

function limitsText(limits: ProviderReport["limits"]): string {
  return Object.entries(limits)
    .map(([name, enforcement]) => `${name} ${enforcement}`)
    .join(", ")
}

function said(error: unknown): { detail: string; fix: string } {
  if (error instanceof MayflyError) return { detail: error.message, fix: error.fix }
  return {
    detail: error instanceof Error ? error.message : String(error),
    fix: "Run `npm ci` and `npm run build` again.",
  }
}

function machineChecks(): Check[] {
  const memoryMb = Math.round(Math.min(totalmem(), process.constrainedMemory() || Infinity) / 1_048_576)
  const memory = { name: "memory", detail: `${memoryMb} MiB`, isRequired: false }
  return [
    { name: "cores", status: "ok", detail: String(availableParallelism()), isRequired: false },
    memoryMb >= minimumMemoryMb
      ? { ...memory, status: "ok" }
      : { ...memory, status: "missing", fix: `Give this machine ${minimumMemoryMb} MiB or more.` },
  ]
}
