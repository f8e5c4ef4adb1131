import { MayflyError, type TenantBudget, type TenantQuota, type Suspension } from "@mayfly/protocol"
import { parseBudget, parseQuota } from "./quota.ts"

/** What is kept of a tenant. What is missing is as the platform's defaults say. */
export interface TenantSettings {
  readonly quota?: TenantQuota
  readonly budget?: TenantBudget
  readonly suspended?: Suspension
}

/** What the platform's own store holds. */
export function readSettings(text: string | null): TenantSettings {
  if (text === null) return {}
  const { quota, budget, suspended } = JSON.parse(text) as TenantSettings
  return {
    ...(quota === undefined ? {} : { quota: parseQuota(quota) }),
    ...(budget === undefined ? {} : { budget: parseBudget(budget) }),
    ...(suspended === undefined ? {} : { suspended }),
  }
}

export function suspendedError(tenant: string, { reason }: Suspension): MayflyError {
  const because = reason === "" ? "" : `: ${reason}`
  return new MayflyError("tenant.suspended", `tenant "${tenant}" is suspended${because}`, { details: { tenant } })
}
