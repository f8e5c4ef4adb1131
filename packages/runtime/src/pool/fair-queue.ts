/**
 * Waiting items by tenant. The tenant with the least under way goes first, the one that waited longest among equals, so that a tenant's flood
 * delays only itself.
 */
export class FairQueue<Item> {
  readonly #byTenant = new Map<string, Item[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  sizeOf(tenant: string): number {
    return this.#byTenant.get(tenant)?.length ?? 0
  }

  get tenants(): Iterable<string> {
    return this.#byTenant.keys()
  }

  add(tenant: string, item: Item): void {
    const items = this.#byTenant.get(tenant)
    if (items === undefined) this.#byTenant.set(tenant, [item])
    else items.push(item)
    this.#size++
  }

  /** Puts an item back at the front of its tenant's line. */
  putBack(tenant: string, item: Item): void {
    const items = this.#byTenant.get(tenant)
    if (items === undefined) this.#byTenant.set(tenant, [item])
    else items.unshift(item)
    this.#size++
  }

  /** The next item of the tenant with the smallest `load`, of those for which `load` is not Infinity. */
  take(load: (tenant: string) => number): Item | undefined {
    let best: string | undefined
    let bestLoad = Infinity
    for (const tenant of this.#byTenant.keys()) {
      const tenantLoad = load(tenant)
      if (tenantLoad < bestLoad) {
        best = tenant
        bestLoad = tenantLoad
      }
    }
    return best === undefined ? undefined : this.#takeOf(best)
  }

  #takeOf(tenant: string): Item | undefined {
    const items = this.#byTenant.get(tenant)
    const item = items?.shift()
    this.#byTenant.delete(tenant)
    // At the back of the map: among equals the tenant served last waits longest.
    if (items !== undefined && items.length > 0) this.#byTenant.set(tenant, items)
    if (item !== undefined) this.#size--
    return item
  }

  remove(tenant: string, item: Item): boolean {
    const items = this.#byTenant.get(tenant)
    const at = items?.indexOf(item) ?? -1
    if (items === undefined || at === -1) return false
    items.splice(at, 1)
    if (items.length === 0) this.#byTenant.delete(tenant)
    this.#size--
    return true
  }

  /** Takes everything out. */
  drain(): Item[] {
    const all = [...this.#byTenant.values()].flat()
    this.#byTenant.clear()
    this.#size = 0
    return all
  }
}
