import type { WorkflowGovernor } from "@mayfly/workflows"
import type { Accounts } from "./accounts.ts"

/** What tenants may do with workflows, and what they did. */
export function workflowGovernor(accounts: Accounts): WorkflowGovernor {
  return {
    async admit(tenant) {
      const account = await accounts.account(tenant)
      account.check()
      return account.quota.workflows ?? null
    },
    // Its account is in memory since its instance was asked for.
    maxOpen: (tenant) => accounts.inMemory(tenant)?.quota.workflows ?? null,
    isHeld: (tenant) => (accounts.inMemory(tenant)?.heldUntil ?? null) !== null,
    heldUntil: async (tenant) => (await accounts.account(tenant)).heldUntil,
    counted(tenant, { instances = 0, steps = 0 }) {
      if (instances === 0 && steps === 0) return
      accounts.countSoon(tenant, { workflowInstances: instances, workflowSteps: steps })
    },
  }
}
