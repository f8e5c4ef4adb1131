import { url as inspectorUrl } from "node:inspector"
import { createPlatform, type Jail, type ProviderReport } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { jailCheck } from "./doctor-checks.ts"

/** One thing that keeps programs in, and whether it does so here. */
export interface Protection {
  readonly name: string
  readonly isActive: boolean
  readonly detail: string
  /** How to get it. */
  readonly fix?: string
}

/** What `mayfly serve --require hardened` asks of the machine, one by one. */
export async function protections(jail: Jail): Promise<readonly Protection[]> {
  return [jailProtection(jail), debuggerProtection(inspectorUrl()), ...(await sandboxProtections())]
}

function jailProtection(jail: Jail): Protection {
  const { status, detail, fix } = jailCheck(jail)
  return { name: "jail of host processes", isActive: status === "ok", detail, ...(fix === undefined ? {} : { fix }) }
}

/** Whoever reaches the debugger's port runs code here. */
function debuggerProtection(address: string | undefined): Protection {
  const name = "no debugger"
  if (address === undefined) return { name, isActive: true, detail: "Node's inspector does not listen" }
  return {
    name,
    isActive: false,
    detail: `Node's inspector listens at ${address}`,
    fix: "Start Node without --inspect.",
  }
}

async function sandboxProtections(): Promise<readonly Protection[]> {
  try {
    await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
    return reported(await platform.env.SANDBOX.probe())
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    const fix = error instanceof MayflyError ? error.fix : "Please report this."
    return [{ name: "isolation of sandboxes", isActive: false, detail, fix }]
  }
}

export function reported({
  isolation,
  limits,
  notes,
}: Pick<ProviderReport, "isolation" | "limits" | "notes">): Protection[] {
  const why = notes.length === 0 ? "the provider does not say why" : notes.join("; ")
  const isolated = isolation === "namespaces"
  return [
    {
      name: "isolation of sandboxes",
      isActive: isolated,
      detail: isolation,
      ...(isolated ? {} : { fix: `Use the provider bubblewrap (${why}).` }),
    },
    ...Object.entries(limits).map(([limit, enforcement]): Protection => {
      const common = { name: `limit of sandboxes: ${limit}`, detail: enforcement }
      if (enforcement === "hard") return { ...common, isActive: true }
      return { ...common, isActive: false, fix: `The kernel has to hold it: ${why}.` }
    }),
  ]
}
