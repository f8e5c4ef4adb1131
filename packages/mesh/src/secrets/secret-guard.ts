import { LiveRedactor } from "./live-redactor.ts"
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
const maxTold = 10_000

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
  /** Keys of alerts, the oldest first. */
  readonly #told = new Set<string>()
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

  /** What takes the tenant's secrets out: those that are known when it is used, so a connection that is old already is searched for new ones. */
  redactor(tenant: string, seen: Omit<SecretAlert, "tenant" | "secret">): LiveRedactor {
    const onFound = (secret: string): void => this.#alert({ tenant, secret, ...seen })
    return new LiveRedactor(() => this.#redactorOf(tenant), onFound)
  }

  #redactorOf(tenant: string): Redactor | undefined {
    const known = this.#tenants.get(tenant)
    return known === undefined ? undefined : (known.redactor ??= createRedactor([...known.values.values()]))
  }

  /** Once for each run, secret and place: a guest must not flood those who are told. */
  #alert(alert: SecretAlert): void {
    const key = JSON.stringify([alert.tenant, alert.runId, alert.secret, alert.where])
    if (this.#told.has(key)) return
    this.#told.add(key)
    if (this.#told.size > maxTold) this.#told.delete(this.#told.values().next().value ?? "")
    try {
      this.#onAlert(alert)
    } catch (error) {
      // Whoever is told must not break what a run gets, nor stop the search.
      process.emitWarning(error as Error)
    }
  }
}
