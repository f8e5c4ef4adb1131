import type { AwakeSandbox, SandboxGovernor } from "@mayfly/sandbox"
import type { Accounts } from "./accounts.ts"

/** How often the usage of a sandbox that is awake is counted; what a crash loses of it at most. */
const lookEveryMs = 5_000

/** What tenants may do with sandboxes, and what these used. */
export function sandboxGovernor(accounts: Accounts): SandboxGovernor {
  return {
    async mayStart(tenant) {
      ;(await accounts.account(tenant)).check()
    },
    async mayCreate(tenant) {
      const account = await accounts.account(tenant)
      account.check()
      return account.quota.sandboxes ?? null
    },
    awake: (tenant, sandbox) => new AwakeMeter(accounts, tenant, sandbox).start(),
  }
}

/** Counts one sandbox from its start to its end: time exactly, CPU and memory as they were when last looked at. */
class AwakeMeter {
  readonly #accounts: Accounts
  readonly #tenant: string
  readonly #sandbox: AwakeSandbox
  #countedTo = performance.now()
  #restMs = 0
  #cpuMs = 0
  #memoryBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(accounts: Accounts, tenant: string, sandbox: AwakeSandbox) {
    this.#accounts = accounts
    this.#tenant = tenant
    this.#sandbox = sandbox
  }

  start(): () => void {
    this.#timer = setInterval(() => void this.#look(), lookEveryMs).unref()
    return () => {
      clearInterval(this.#timer)
      this.#count(this.#cpuMs)
    }
  }

  async #look(): Promise<void> {
    const usage = await this.#sandbox.usage().catch(() => undefined)
    this.#memoryBytes = usage?.memoryBytes ?? this.#memoryBytes
    this.#count(usage?.cpuMs ?? this.#cpuMs)
  }

  #count(cpuMs: number): void {
    const now = performance.now()
    const passed = now - this.#countedTo + this.#restMs
    const ms = Math.floor(passed)
    // Whole milliseconds; the rest is not lost.
    this.#restMs = passed - ms
    this.#countedTo = now
    const moreCpuMs = Math.max(0, cpuMs - this.#cpuMs)
    this.#cpuMs = Math.max(this.#cpuMs, cpuMs)
    this.#accounts.countSoon(this.#tenant, {
      sandboxMs: ms,
      sandboxCpuUs: Math.round(moreCpuMs * 1_000),
      sandboxMemoryKibMs: Math.round((this.#memoryBytes / 1_024) * ms),
    })
  }
}
