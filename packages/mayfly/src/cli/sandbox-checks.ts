import { createPlatform, missingSandboxNeeds, type ProviderReport, Sandbox, type SandboxNeed } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import type { Check } from "./doctor-checks.ts"

/** Programs run without sandboxes, so nothing here is required. Starts one, with its way out, and runs a command in it. */
export async function sandboxChecks(): Promise<Check[]> {
  return [needsCheck(missingSandboxNeeds()), await startCheck()]
}

export function needsCheck(missing: readonly SandboxNeed[]): Check {
  const common = { name: "programs", isRequired: false }
  if (missing.length === 0) return { ...common, status: "ok", detail: "all programs that sandboxes use are there" }
  const list = missing.map(({ program, purpose }) => `${program} (${purpose})`).join(", ")
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))].join(" ")
  return { ...common, status: "missing", detail: `not installed: ${list}`, fix: `\`apt-get install ${packages}\`` }
}

async function startCheck(): Promise<Check> {
  const common = { name: "sandbox", isRequired: false }
  try {
    await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
    const report = await platform.env.SANDBOX.probe()
    const started = performance.now()
    const sandbox = await Sandbox.create({ platform })
    const { success, stderr } = await sandbox.exec(["true"], { signal: AbortSignal.timeout(30_000) })
    const ms = Math.round(performance.now() - started)
    await sandbox.destroy()
    if (success) return { ...common, status: "ok", detail: `ran a command in ${ms} ms; ${described(report)}` }
    return { ...common, status: "missing", detail: `"true" failed: ${stderr.trim()}`, fix: "Please report this." }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    const fix = error instanceof MayflyError ? error.fix : "Please report this."
    return { ...common, status: "missing", detail: said, fix }
  }
}

/** Limits that hold less than hard are what somebody has to know. */
export function described({ provider, limits, notes }: Pick<ProviderReport, "provider" | "limits" | "notes">): string {
  const weak = Object.entries(limits).filter(([, enforcement]) => enforcement !== "hard")
  if (weak.length === 0) return `${provider}, all limits hard`
  return `${provider}, ${weak.map(([name, enforcement]) => `${name}: ${enforcement}`).join(", ")} (${notes.join("; ")})`
}
