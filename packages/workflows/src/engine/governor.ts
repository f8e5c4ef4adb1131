/** Who says what tenants may do, and counts what they did. Tenants are not the engine's affair. */
export interface WorkflowGovernor {
  /** Rejects with a coded error when the tenant may begin nothing. Gives how many instances that have not ended it may have; null: any number. */
  admit(tenant: string): Promise<number | null>
  /** The same number for a tenant whose instance runs. */
  maxOpen(tenant: string): number | null
  /** Whether a tenant whose instance is about to run must wait after all. */
  isHeld(tenant: string): boolean
  /** When the tenant may go on: null when it may, a time, or Infinity until `WorkflowEngine.goOn`. */
  heldUntil(tenant: string): Promise<number | null>
  /** What happened. Must not throw. */
  counted(tenant: string, counts: { readonly instances?: number; readonly steps?: number }): void
}

export const noGovernor: WorkflowGovernor = {
  admit: () => Promise.resolve(null),
  maxOpen: () => null,
  isHeld: () => false,
  heldUntil: () => Promise.resolve(null),
  counted() {},
}
