/** What the first bytes of a connection turn out to be. */
export type Opening =
  /** Too few bytes to tell. */
  | { readonly kind: "more" }
  /** TLS. The server name is lower-case, null when the client names none. */
  | { readonly kind: "tls"; readonly serverName: string | null }
  /** TLS, but nothing that a server would take. */
  | { readonly kind: "broken-tls" }
  | { readonly kind: "other" }

/** Longer ones are refused unread; those of today, with keys for after quantum computers, have about 2 KiB. */
export const maxHelloBytes = 32 << 10

/**
 * Reads the server name of a ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), also when it comes in several records. Strict: a name
 * that is there twice, or a length that does not fit, is broken, so that no server can read another name than we do.
 */
export function readOpening(bytes: Uint8Array): Opening {
  if (bytes.length === 0) return more
  if (bytes[0] !== handshakeRecord) return { kind: "other" }
  try {
    const hello = helloIn(bytes)
    if (hello === null) return bytes.length > maxHelloBytes ? broken : more
    return { kind: "tls", serverName: serverNameIn(hello) }
  } catch (error) {
    if (error instanceof Malformed) return broken
    throw error
  }
}

const more = { kind: "more" } as const
const broken = { kind: "broken-tls" } as const
const handshakeRecord = 22
const clientHello = 1
const serverNameExtension = 0
const hostName = 0

class Malformed extends Error {}

/** The ClientHello without its own head, null when it is not all there yet. */
function helloIn(bytes: Uint8Array): Cursor | null {
  const fragments: Uint8Array[] = []
  let length = 0
  for (let at = 0; at < bytes.length;) {
    const size = recordSize(bytes, at)
    if (size === null || at + 5 + size > bytes.length) return null
    fragments.push(bytes.subarray(at + 5, at + 5 + size))
    length += size
    at += 5 + size
    if (fragments[0]?.[0] !== clientHello) throw new Malformed()
    if (length < 4) continue
    const message = Buffer.concat(fragments)
    const wanted = 4 + message.readUIntBE(1, 3)
    // Whatever follows a hello before the server has answered is no TLS 1.2, and no early data that we would let pass.
    if (wanted > maxHelloBytes) throw new Malformed()
    if (message.length >= wanted) return new Cursor(message.subarray(4, wanted))
  }
  return null
}

function recordSize(bytes: Uint8Array, at: number): number | null {
  const [type, major, , high, low] = bytes.subarray(at, at + 5)
  if (type !== handshakeRecord || (major !== undefined && major !== 3)) throw new Malformed()
  if (high === undefined || low === undefined) return null
  const size = (high << 8) | low
  if (size === 0 || size > 1 << 14) throw new Malformed()
  return size
}

function serverNameIn(hello: Cursor): string | null {
  // Version and random.
  hello.take(34)
  hello.take(hello.number(1))
  hello.take(hello.number(2))
  hello.take(hello.number(1))
  if (hello.isAtEnd) return null
  const extensions = new Cursor(hello.take(hello.number(2)))
  if (!hello.isAtEnd) throw new Malformed()
  let name: string | null = null
  while (!extensions.isAtEnd) {
    const type = extensions.number(2)
    const body = new Cursor(extensions.take(extensions.number(2)))
    if (type !== serverNameExtension) continue
    if (name !== null) throw new Malformed()
    name = nameIn(body)
  }
  return name
}

function nameIn(extension: Cursor): string {
  const list = new Cursor(extension.take(extension.number(2)))
  if (!extension.isAtEnd || list.number(1) !== hostName) throw new Malformed()
  const name = Buffer.from(list.take(list.number(2))).toString("latin1")
  if (!list.isAtEnd || !/^[\x21-\x7e]{1,255}$/.test(name)) throw new Malformed()
  return name.toLowerCase()
}

class Cursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  number(size: number): number {
    return Buffer.from(this.take(size)).readUIntBE(0, size)
  }

  take(count: number): Uint8Array {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new Malformed()
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
