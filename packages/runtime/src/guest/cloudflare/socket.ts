import { askEgress } from "../web/egress-call.ts"
import type { GuestReadableStream, GuestReader } from "../web/guest-streams.ts"
import { loadStreams } from "../web/guest-streams.ts"

interface Connection {
  readonly readable: GuestReadableStream
  readonly writable: { getWriter(): Writer }
}

interface Writer {
  write(chunk: unknown): Promise<void>
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
}

interface WritableClass {
  new (sink: {
    write(chunk: unknown): Promise<void>
    close(): Promise<void>
    abort(reason: unknown): Promise<void>
  }): object
}

interface Controller {
  enqueue(chunk: unknown): void
  close(): void
  readonly byobRequest: { respond(bytes: number): void } | null
}

type SecureTransport = "off" | "on" | "starttls"

interface Address {
  readonly host: string
  readonly port: number
}

/** https://developers.cloudflare.com/workers/runtime-apis/tcp-sockets/. The network policy needs a rule such as "tcp://db.example.com:5432". */
export function connect(address: unknown, options: unknown = {}): Socket {
  const { secureTransport = "off", allowHalfOpen = false } = (options ?? {}) as {
    readonly secureTransport?: unknown
    readonly allowHalfOpen?: unknown
  }
  if (secureTransport !== "off" && secureTransport !== "on" && secureTransport !== "starttls")
    throw new TypeError(`Unsupported value in secureTransport socket option: ${String(secureTransport)}`)
  return new Socket(addressOf(address), secureTransport, Boolean(allowHalfOpen))
}

/** A TCP or TLS connection. It is there at once; what is written and read waits until it is open. */
export class Socket {
  readonly readable: object
  readonly writable: object
  readonly opened: Promise<{ readonly remoteAddress: string; readonly localAddress: string | null }>
  readonly closed: Promise<void>
  readonly secureTransport: SecureTransport
  readonly upgraded = false
  readonly #connection: Promise<{ reader: GuestReader; writer: Writer }>
  readonly #allowHalfOpen: boolean
  #over = { resolve: (): void => undefined, reject: (_: unknown): void => undefined }
  #isReadOver = false
  #isWriteOver = false

  constructor(address: Address, secureTransport: SecureTransport, allowHalfOpen: boolean) {
    const { host, port } = address
    this.secureTransport = secureTransport
    this.#allowHalfOpen = allowHalfOpen
    this.closed = new Promise<void>((resolve, reject) => (this.#over = { resolve, reject }))
    this.#connection = open(address, secureTransport === "on")
    this.opened = this.#connection.then(() => ({ remoteAddress: `${host}:${port}`, localAddress: null }))
    this.#connection.catch((error: unknown) => this.#over.reject(error))
    // Whoever looks at them is told; nobody must.
    for (const promise of [this.opened, this.closed]) promise.catch(() => undefined)
    this.readable = this.#makeReadable()
    this.writable = this.#makeWritable()
  }

  /** Ends both directions. Closing twice is safe. */
  async close(): Promise<void> {
    if (!this.#isReadOver || !this.#isWriteOver) {
      this.#isReadOver = this.#isWriteOver = true
      try {
        const { reader, writer } = await this.#connection
        await Promise.allSettled([writer.close(), reader.cancel("closed")])
      } catch {
        // It never opened; `opened` and `closed` say why.
      }
      this.#over.resolve()
    }
    await this.closed.catch(() => undefined)
  }

  startTls(): never {
    const message = 'startTls() is not available: connect with { secureTransport: "on" }'
    throw Object.assign(new TypeError(message), { code: "worker.unsupported" })
  }

  get [Symbol.toStringTag](): string {
    return "Socket"
  }

  #makeReadable(): object {
    const { ReadableStream } = loadStreams()
    const pull = async (controller: Controller): Promise<void> => {
      const { reader } = await this.#connection
      const { done, value } = this.#isReadOver ? { done: true, value: undefined } : await this.#guarded(reader.read())
      if (!done) return controller.enqueue(value)
      controller.close()
      controller.byobRequest?.respond(0)
      await this.#readOver()
    }
    const cancel = async (): Promise<void> => this.close()
    return new ReadableStream({ type: "bytes", pull, cancel } as never, { highWaterMark: 0 })
  }

  #makeWritable(): object {
    const { WritableStream } = loadStreams() as unknown as { WritableStream: WritableClass }
    return new WritableStream({
      write: async (chunk) => {
        const { writer } = await this.#connection
        if (this.#isWriteOver) throw new TypeError("This socket is closed.")
        await this.#guarded(writer.write(bytesOf(chunk)))
      },
      close: async () => {
        const { writer } = await this.#connection
        if (!this.#isWriteOver) await this.#guarded(writer.close())
        this.#writeOver()
      },
      abort: () => this.close(),
    })
  }

  async #guarded<Result>(promise: Promise<Result>): Promise<Result> {
    try {
      return await promise
    } catch (error) {
      this.#over.reject(error)
      throw error
    }
  }

  /** The other side sends no more. Without half-open connections we do not, either. */
  async #readOver(): Promise<void> {
    this.#isReadOver = true
    if (!this.#allowHalfOpen && !this.#isWriteOver) {
      this.#isWriteOver = true
      const { writer } = await this.#connection
      await writer.close().catch(() => undefined)
    }
    if (this.#isWriteOver) this.#over.resolve()
  }

  #writeOver(): void {
    this.#isWriteOver = true
    if (this.#isReadOver) this.#over.resolve()
  }
}

async function open({ host, port }: Address, tls: boolean): Promise<{ reader: GuestReader; writer: Writer }> {
  const { readable, writable } = (await askEgress("connect", [host, port, tls])) as Connection
  return { reader: readable.getReader(), writer: writable.getWriter() }
}

const hostAndPort = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]/?#@\s]+):(\d{1,5})$/

function addressOf(value: unknown): Address {
  const [, host = "", port = ""] = hostAndPort.exec(typeof value === "string" ? value : joined(value)) ?? []
  const number = Number(port)
  if (host === "" || number < 1 || number > 65_535)
    throw new TypeError(
      "Specified address could not be parsed: it needs a host name and a port, such as db.example.com:5432",
    )
  return { host, port: number }
}

function joined(value: unknown): string {
  const { hostname, port } = (value ?? {}) as { readonly hostname?: unknown; readonly port?: unknown }
  return `${hostname as string}:${port as string}`
}

function bytesOf(chunk: unknown): Uint8Array {
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength).slice()
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk).slice()
  throw new TypeError("This WritableStream only supports writing byte types.")
}
