import { defaultLimits, type Limits, MayflyError, type TenantQuota } from "@mayfly/protocol"
import type { AskedRun } from "@mayfly/runtime"

/**
 * What a run may use under a quota; null when that is all it asks for. A default that is higher than the quota is lowered, and so is what a workflow's
 * script has by itself; a higher wish of the caller's throws `quota.limit`.
 */
export function limitsWithin(asked: AskedRun, quota: TenantQuota["limits"]): Limits | null {
  if (quota === undefined) return null
  let lowered: Record<string, number | null> | null = null
  for (const [name, most] of Object.entries(quota) as [keyof Limits, number][]) {
    const wanted = asked.limits[name]
    if (wanted !== null && wanted <= most) continue
    // It lasts as long as its steps, which have limits of their own.
    if (asked.isScript && name === "wallMs" && wanted === null) continue
    if (wanted !== defaultLimits[name] && !asked.isScript) throw tooMuch(asked.tenant, name, { wanted, most })
    lowered = { ...(lowered ?? asked.limits), [name]: most }
  }
  return lowered as Limits | null
}

function tooMuch(tenant: string, name: string, { wanted, most }: { wanted: number | null; most: number }): MayflyError {
  const message = `limits.${name} is ${wanted === null ? "lifted" : wanted}; the quota of tenant "${tenant}" permits ${most}`
  return new MayflyError("quota.limit", message, { details: { tenant, path: `limits.${name}`, wanted, most } })
}
