import { createRedactor, type Redactor } from "./redactor.ts"
import type { SecretValue } from "./secret-forms.ts"

/** A brokered secret came back: somebody, or some server, tried to show it to a guest. It was taken out. */
export interface SecretAlert {
  readonly tenant: string
  /** The secret's name. */
  readonly secret: string
  /** Where it was: an origin, or "logs", "result". */
  readonly where: string
  readonly runId: string
}

/** More would make each response slower to look through than a network is. The oldest are forgotten first. */
const maxPerTenant = 256
const maxTenants = 10_000

interface Known {
  /** By name and value: a secret that was changed may still come back as it was. */
  readonly values: Map<string, SecretValue>
  redactor: Redactor | undefined
}

/**
 * Knows the secrets that were added to requests, by tenant, and takes them out of what comes back to any run of that tenant: one run may
 * send a secret to a place where another run finds it.
 */
export class SecretGuard {
  readonly #tenants = new Map<string, Known>()
  readonly #onAlert: (alert: SecretAlert) => void

  constructor(onAlert: (alert: SecretAlert) => void) {
    this.#onAlert = onAlert
  }

  /** The secret is about to leave. */
  brokered(tenant: string, secret: SecretValue): void {
    let known = this.#tenants.get(tenant)
    if (known === undefined) {
      known = { values: new Map(), redactor: undefined }
      this.#tenants.set(tenant, known)
      if (this.#tenants.size > maxTenants) this.#tenants.delete(this.#tenants.keys().next().value ?? "")
    }
    const key = `${secret.name}\n${secret.value}`
    if (known.values.has(key)) return
    known.values.set(key, secret)
    if (known.values.size > maxPerTenant) known.values.delete(known.values.keys().next().value ?? "")
    known.redactor = undefined
  }

  /** What takes the tenant's secrets out, null when none was brokered: then nothing needs to be looked at. */
  redactor(tenant: string, seen: Omit<SecretAlert, "tenant" | "secret">): Redactor | null {
    const known = this.#tenants.get(tenant)
    if (known === undefined) return null
    const redactor = (known.redactor ??= createRedactor([...known.values.values()]))
    const told = new Set<string>()
    return redactor.reporting((secret) => {
      if (told.has(secret)) return
      told.add(secret)
      this.#onAlert({ tenant, secret, ...seen })
    })
  }
}
