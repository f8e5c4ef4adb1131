const maxTenants = 200

/** Tenants as a label, where it is wanted. Those past a number are one: series must not grow with whoever comes. */
export class TenantLabels {
  readonly isOn: boolean
  readonly #known = new Set<string>()

  constructor(isOn: boolean) {
    this.isOn = isOn
  }

  of(tenant: string): { readonly tenant?: string } {
    if (!this.isOn) return {}
    if (this.#known.has(tenant)) return { tenant }
    if (this.#known.size >= maxTenants) return { tenant: "other" }
    this.#known.add(tenant)
    return { tenant }
  }
}
