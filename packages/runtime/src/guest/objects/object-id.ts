/** `ctx.id`: what the parent says this object is. */
export class DurableObjectId {
  readonly name?: string
  readonly #text: string

  constructor(text: string, name: string | undefined) {
    this.#text = text
    if (name !== undefined) this.name = name
  }

  toString(): string {
    return this.#text
  }

  equals(other: unknown): boolean {
    return other instanceof DurableObjectId && other.#text === this.#text
  }
}
