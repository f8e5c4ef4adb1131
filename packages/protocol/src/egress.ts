import type { LedgerRow, NetworkPolicy } from "./network.ts"
import type { Span } from "./telemetry.ts"

export type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** One outgoing HTTP request of a guest. A body that streams is read once, and only while the other side takes it. */
export interface EgressRequest {
  readonly url: string
  readonly method: string
  readonly headers: HeaderPairs
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null
  readonly redirect: "follow" | "manual" | "error"
  /** How long a body that streams is, when that is known for sure. Many servers take no body without a length. */
  readonly bodyBytes?: number
}

/** The answer to it. `url` is the address after redirects. */
export interface EgressResponse {
  readonly url: string
  readonly redirected: boolean
  readonly status: number
  readonly statusText: string
  readonly headers: HeaderPairs
  /** Bytes as the server sent them, content encodings undone. Whoever got it reads it to its end or cancels it. */
  readonly body: ReadableStream<Uint8Array> | null
}

/** A WebSocket that is open. Whoever got it closes it. */
export interface EgressWebSocket {
  /** The subprotocol that the server chose, "" when none. */
  readonly protocol: string
  /** Whole messages in order; ends when the other side has closed. Not reading is back-pressure. */
  readonly messages: ReadableStream<string | Uint8Array>
  /** Resolves when the message was handed to the connection, later when it is full. */
  send(message: string | Uint8Array): Promise<void>
  /** Closing twice is safe. */
  close(code?: number, reason?: string): void
  /** Never rejects. A connection that broke has code 1006. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

/** A raw TCP (or TLS) connection. Whoever got it closes both sides. */
export interface EgressSocket {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** What people are shown of the program that asks. */
export interface AskingWorker {
  /** Content hash. */
  readonly hash: string
  /** The lines of its text around `word`, or its first ones; "" when the text is not kept. */
  excerpt(word: string): string
}

/** Who asks, under which policy. */
export interface EgressContext {
  readonly tenant: string
  readonly runId: string
  /** The sandbox that asks, when one does. */
  readonly sandboxId?: string
  /** The workflow step that asks, when one does. */
  readonly step?: string
  /** The program that asks, when it is one. */
  readonly worker?: AskingWorker
  /** What the attempt is part of. */
  readonly span?: Span
  readonly policy: NetworkPolicy
  readonly signal: AbortSignal
  /** The most response bytes that will be accepted; more is `mesh.response-too-large`. */
  readonly maxResponseBytes: number
  /** Called for each attempt, allowed or denied, when its outcome is known: for a streamed body, at its end. */
  record(row: LedgerRow): void
  /** Called before each redirect hop; throws when the run may make no further request. */
  onHop(): void
}

/** Finds secrets in every form they may have taken, and puts "*" in their place. */
export interface EgressRedactor {
  text(text: string): string
  /** Where they are. */
  bytes(bytes: Uint8Array): void
  /** Of pieces that belong together: gives what can be passed on. Pieces must not be used afterwards. */
  stream(): {
    push(piece: Uint8Array): Uint8Array
    readonly isHolding: boolean
    flush(): Uint8Array
    end(): Uint8Array
  }
}

/** Performs guest requests that the policy allows. Rejects with a `mesh.*` MayflyError otherwise. Implemented by mesh. */
export interface Egress {
  /** Throws `input.invalid` for a policy that can't be carried out, or is wider than its author may have meant. */
  check(policy: NetworkPolicy): void
  fetch(request: EgressRequest, context: EgressContext): Promise<EgressResponse>
  /**
   * What takes secrets that were added to requests of this tenant out of what a guest gives. `where` says what is looked at ("logs", "result"),
   * for the alert.
   */
  redactor?(tenant: string, seen: { readonly where: string; readonly runId: string }): EgressRedactor
  /** Opens a WebSocket. `url` has the scheme ws or wss, decided as http or https of the same origin. */
  openWebSocket(
    url: string,
    options: { readonly protocols: readonly string[]; readonly headers: HeaderPairs },
    context: EgressContext,
  ): Promise<EgressWebSocket>
  /** Opens a TCP connection. Needs a rule such as "tcp://db.example.com:5432", or "tls://…" with `tls`. */
  openSocket(
    target: { readonly host: string; readonly port: number; readonly tls: boolean },
    context: EgressContext,
  ): Promise<EgressSocket>
}
