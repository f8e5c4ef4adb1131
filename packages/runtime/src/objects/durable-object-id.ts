/** Names a Durable Object among those of its class, as Cloudflare's. */
export class DurableObjectId {
  readonly name?: string
  readonly #text: string

  constructor(text: string, name?: string) {
    this.#text = text
    if (name !== undefined) this.name = name
  }

  toString(): string {
    return this.#text
  }

  equals(other: DurableObjectId): boolean {
    return String(other) === this.#text
  }
}
