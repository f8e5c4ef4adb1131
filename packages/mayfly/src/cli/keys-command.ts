import { jsonLine, pathSegment } from "@mayfly/protocol"
import type { ApiFlags } from "./api-options.ts"
import { exitCodes, invalid } from "./command-error.ts"
import { listAll } from "./list-all.ts"
import type { Api } from "./api.ts"
import type { Output } from "./output.ts"
import { printDone } from "./print-done.ts"
import { type Cell, printTable } from "./print-table.ts"
import { safeLine } from "./safe-line.ts"
import { withApi } from "./with-api.ts"

export interface KeysFlags extends ApiFlags {
  readonly scope?: readonly string[]
  readonly allTenants?: boolean
  readonly expires?: string
}

interface ShownKey {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly tenant: string | null
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

/** `mayfly keys create|ls|revoke`. Gives the exit code; never rejects. */
export async function keysCommand(
  action: "create" | "ls" | "revoke",
  name: string,
  flags: KeysFlags,
  output: Output,
): Promise<number> {
  return withApi({
    flags,
    output,
    prepare: () => (action === "create" ? bodyOf(name, flags) : {}),
    async act(api, body) {
      if (action === "create") printNew(await api.call("POST", "/v1/keys", body), flags, output)
      else if (action === "revoke") {
        await api.call("DELETE", `/v1/keys/${pathSegment(name)}`)
        printDone(flags, output)
      } else printAll(await keysOf(api, flags), flags, output)
      return exitCodes.ok
    },
  })
}

function keysOf(api: Api, { tenant }: KeysFlags): Promise<readonly ShownKey[]> {
  const query = tenant === undefined ? "" : `tenant=${encodeURIComponent(tenant)}`
  return listAll<ShownKey>(api, `/v1/keys?${query}`, "keys")
}

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

function bodyOf(name: string, { scope = [], tenant, allTenants = false, expires }: KeysFlags): Record<string, unknown> {
  if (scope.length === 0)
    throw invalid("--scope", "is missing: run, workflows, sandboxes, ledger or admin; may be repeated")
  if (allTenants && tenant !== undefined) throw invalid("--all-tenants", "can't be given together with --tenant")
  // Said here, so that an admin key of everything is never what somebody got who left an option out.
  if (scope.includes("admin") && !allTenants && tenant === undefined)
    throw invalid("--tenant", "is missing: an admin key is of one tenant, or of all with --all-tenants")
  const [, count = "", unit = ""] = /^(\d{1,6})([mhd])$/.exec(expires ?? "") ?? []
  if (expires !== undefined && count === "")
    throw invalid("--expires", `must be a time such as 30m, 12h or 90d, not "${expires}"`)
  return {
    name,
    scopes: scope,
    ...(tenant === undefined ? {} : { tenant }),
    ...(allTenants ? { tenant: null } : {}),
    ...(count === "" ? {} : { expiresInMs: Number(count) * (unitsMs[unit] ?? 0) }),
  }
}

/** The key alone on stdout, so that a script can take it; what it is stands beside. */
function printNew(answer: unknown, { json }: KeysFlags, { stdout, stderr }: Output): void {
  const key = answer as ShownKey & { readonly key: string }
  if (json === true) return void stdout.write(jsonLine(key))
  stdout.write(`${key.key}\n`)
  const whose = key.tenant === null ? "all tenants" : `tenant ${key.tenant}`
  stderr.write(`${safeLine(`${key.id}: ${key.scopes.join(", ")} of ${whose}. It is shown this once.`)}\n`)
}

function printAll(keys: readonly ShownKey[], { json }: KeysFlags, output: Output): void {
  if (json === true) for (const key of keys) output.stdout.write(jsonLine(key))
  else printTable(["id", "status", "name", "scopes", "tenant", "used", "until"], keys.map(row), output)
}

function row({ id, name, scopes, tenant, expiresAt, revokedAt, lastUsedAt }: ShownKey): readonly Cell[] {
  const state = revokedAt !== null ? "revoked" : expiresAt !== null && expiresAt <= Date.now() ? "expired" : "active"
  const used = lastUsedAt === null ? "never used" : `used ${new Date(lastUsedAt).toISOString()}`
  const until = expiresAt === null ? "" : `until ${new Date(expiresAt).toISOString()}`
  const status: Cell = { text: state, style: state === "active" ? "green" : "red" }
  return [id, status, name, scopes.join(","), tenant ?? "(all tenants)", used, until]
}
