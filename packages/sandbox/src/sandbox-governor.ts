import type { SandboxUsage } from "@mayfly/protocol"

/** A sandbox that is awake. */
export interface AwakeSandbox {
  usage(): Promise<SandboxUsage>
}

/** Who says what tenants may do, and counts what their sandboxes use. */
export interface SandboxGovernor {
  /** Rejects with a coded error when the tenant may start nothing. */
  mayStart(tenant: string): Promise<void>
  /** The same for a new one. Gives how many the tenant may have with it; null: any number. */
  mayCreate(tenant: string): Promise<number | null>
  /** A sandbox is awake. Gives what is called when it has ended. Neither may throw. */
  awake(tenant: string, sandbox: AwakeSandbox): () => void
}

export const noSandboxGovernor: SandboxGovernor = {
  mayStart: () => Promise.resolve(),
  mayCreate: () => Promise.resolve(null),
  awake: () => () => {},
}
