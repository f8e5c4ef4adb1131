import { url as inspectorUrl } from "node:inspector"
import { detectJail, type Platform } from "@mayfly/platform"
import type { Settings } from "./config/settings.ts"

/** What `--require hardened` wants and this machine, or these settings, do not give; one sentence each. */
export async function missingProtections(settings: Settings, platform: Platform): Promise<string[]> {
  return [...jailProblems(), ...settingProblems(settings), ...processProblems(), ...(await sandboxProblems(platform))]
}

function jailProblems(): string[] {
  const { kind, missing } = detectJail()
  if (kind === "bubblewrap+seccomp") return []
  return [`host processes run in the jail "${kind}", not in bubblewrap with seccomp (${missing ?? "unknown why"})`]
}

function settingProblems({ metrics, allowedHosts }: Settings): string[] {
  return [
    ...(metrics.access === "open" ? ["metrics.access is open: anybody may read /metrics"] : []),
    ...(allowedHosts.includes("*")
      ? ["allowedHosts has *: pages of other sites can reach the worker by DNS rebinding"]
      : []),
  ]
}

/** Whoever reaches the debugger's port runs code here. */
function processProblems(): string[] {
  return inspectorUrl() === undefined ? [] : ["Node's inspector listens"]
}

async function sandboxProblems(platform: Platform): Promise<string[]> {
  try {
    const { isolation, limits } = await platform.env.SANDBOX.probe()
    const soft = Object.entries(limits).filter(([, enforcement]) => enforcement !== "hard")
    return [
      ...(isolation === "namespaces" ? [] : [`sandboxes are isolated by "${isolation}" only`]),
      ...soft.map(([name, enforcement]) => `no kernel limit holds the ${name} of sandboxes (${enforcement})`),
    ]
  } catch (error) {
    return [`sandboxes do not work: ${(error as Error).message}`]
  }
}
