import type { ApiFlags } from "./api-options.ts"
import { userInfo } from "node:os"
import type { Approval } from "@mayfly/platform"
import { jsonLine, pathSegment } from "@mayfly/protocol"
import { exitCodes, invalid } from "./command-error.ts"
import type { Api } from "./api.ts"
import { type Output, paint } from "./output.ts"
import { safeLine } from "./safe-line.ts"
import { withApi } from "./with-api.ts"

export interface ApprovalsFlags extends ApiFlags {
  readonly status?: string
  readonly scope?: string
  readonly for?: string
}

/** `mayfly approvals ls|allow|deny`. Gives the exit code; never rejects. */
export async function approvalsCommand(
  action: "ls" | "allow" | "deny",
  id: string,
  flags: ApprovalsFlags,
  output: Output,
): Promise<number> {
  const prepare = (): object => (action === "ls" ? {} : { by: userInfo().username, ...decisionOf(flags) })
  const act = async (api: Api, body: object): Promise<number> => {
    if (action === "ls") {
      const { approvals } = (await api.call("GET", `/v1/approvals${queryOf(flags)}`)) as { approvals: Approval[] }
      for (const approval of approvals.toReversed()) print(approval, flags, output)
    } else {
      const path = `/v1/approvals/${pathSegment(id)}/${action}`
      const tenant = flags.tenant === undefined ? "" : `?tenant=${encodeURIComponent(flags.tenant)}`
      print((await api.call("POST", `${path}${tenant}`, body)) as Approval, flags, output)
    }
    return exitCodes.ok
  }
  return withApi({ flags, output, prepare, act })
}

function queryOf({ tenant, status }: ApprovalsFlags): string {
  const query = new URLSearchParams({
    ...(tenant === undefined ? {} : { tenant }),
    ...(status === undefined ? {} : { status }),
  })
  return query.size === 0 ? "" : `?${query.toString()}`
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function decisionOf({ scope, for: given }: ApprovalsFlags): { scope?: string; expiresInMs?: number } {
  const [, count = "", unit = ""] = /^(\d{1,6})([smhd])$/.exec(given ?? "1h") ?? []
  if (count === "") throw invalid("--for", `must be a time such as 30m, 12h or 7d, not "${given ?? ""}"`)
  return { ...(scope === undefined ? {} : { scope }), expiresInMs: Number(count) * (unitsMs[unit] ?? 0) }
}

function print(approval: Approval, { json }: ApprovalsFlags, output: Output): void {
  if (json === true) return void output.stdout.write(jsonLine(approval))
  const { id, status, scope, tenant, runId, method, origin, path, excerpt, createdAt, decidedBy } = approval
  const color = status === "allowed" ? "green" : status === "pending" ? "yellow" : "red"
  const who = decidedBy === null ? "" : `  by ${decidedBy}`
  const words = [new Date(createdAt).toISOString(), paint(output, "stdout", color, status.padEnd(7)), safeLine(id)]
  const what = safeLine(`${method} ${origin}${path}  ${tenant} ${runId}${scope === null ? "" : `  (${scope})`}${who}`)
  output.stdout.write(`${words.join("  ")}  ${what}\n`)
  if (status !== "pending" || excerpt === undefined) return
  for (const line of excerpt.split("\n")) output.stdout.write(`    ${paint(output, "stdout", "dim", safeLine(line))}\n`)
}
