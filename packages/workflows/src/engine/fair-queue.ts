/** Waiting items by tenant. The tenant with the least under way goes first, so that a tenant's flood delays only itself. */
export class FairQueue<Item> {
  readonly #byTenant = new Map<string, Item[]>()
  readonly #running = new Map<string, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  sizeOf(tenant: string): number {
    return this.#byTenant.get(tenant)?.length ?? 0
  }

  add(tenant: string, item: Item): void {
    const items = this.#byTenant.get(tenant)
    if (items === undefined) this.#byTenant.set(tenant, [item])
    else items.push(item)
    this.#size++
  }

  /** The next item of a tenant with less than `most` under way; it has one more then, until `done`. */
  take(most = Infinity): Item | undefined {
    let best: string | undefined
    for (const tenant of this.#byTenant.keys()) {
      if (this.#load(tenant) >= most) continue
      if (best === undefined || this.#load(tenant) < this.#load(best)) best = tenant
    }
    const items = best === undefined ? undefined : this.#byTenant.get(best)
    const item = items?.shift()
    if (best === undefined || items === undefined || item === undefined) return undefined
    // At the back of the map: among equals the tenant served last waits longest.
    this.#byTenant.delete(best)
    if (items.length > 0) this.#byTenant.set(best, items)
    this.#size--
    this.#running.set(best, this.#load(best) + 1)
    return item
  }

  done(tenant: string): void {
    const left = this.#load(tenant) - 1
    if (left > 0) this.#running.set(tenant, left)
    else this.#running.delete(tenant)
  }

  clear(): void {
    this.#byTenant.clear()
    this.#size = 0
  }

  #load(tenant: string): number {
    return this.#running.get(tenant) ?? 0
  }
}
