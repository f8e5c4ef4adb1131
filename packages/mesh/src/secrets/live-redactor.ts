import type { RedactingStream, Redactor } from "./redactor.ts"

/** A redactor for secrets that may come to be known while it is used. With none known it costs nothing. */
export class LiveRedactor {
  readonly #current: () => Redactor | undefined
  readonly #onFound: (name: string) => void

  constructor(current: () => Redactor | undefined, onFound: (name: string) => void) {
    this.#current = current
    this.#onFound = onFound
  }

  /** Whether a secret is known by now. */
  get isNeeded(): boolean {
    return this.#current() !== undefined
  }

  /** See Redactor. */
  text(text: string): string {
    return this.#current()?.reporting(this.#onFound).text(text) ?? text
  }

  bytes(bytes: Uint8Array): void {
    this.#current()?.reporting(this.#onFound).bytes(bytes)
  }

  stream(): RedactingStream {
    return new LiveStream(this.#current, this.#onFound)
  }
}

class LiveStream implements RedactingStream {
  readonly #current: () => Redactor | undefined
  readonly #onFound: (name: string) => void
  #redactor: Redactor | undefined
  #stream: RedactingStream | undefined

  constructor(current: () => Redactor | undefined, onFound: (name: string) => void) {
    this.#current = current
    this.#onFound = onFound
  }

  push(piece: Uint8Array): Uint8Array {
    const redactor = this.#current()
    if (redactor === undefined) return piece
    if (redactor === this.#redactor && this.#stream !== undefined) return this.#stream.push(piece)
    // What was kept back is looked through anew, for what is known now.
    const kept = this.#stream?.end() ?? empty
    this.#redactor = redactor
    this.#stream = redactor.reporting(this.#onFound).stream()
    return this.#stream.push(kept.length === 0 ? piece : Buffer.concat([kept, piece]))
  }

  get isHolding(): boolean {
    return this.#stream?.isHolding === true
  }

  flush(): Uint8Array {
    return this.#stream?.flush() ?? empty
  }

  end(): Uint8Array {
    return this.#stream?.end() ?? empty
  }
}

const empty = new Uint8Array()
