import type { ErrorCode } from "@mayfly/protocol"
import type { SqlValue, Statement } from "../steps.ts"
import type { StoreOwner } from "../store.ts"

/** What a database thread is started with. */
export interface ThreadOptions {
  /** Path of the file, or ":memory:". */
  readonly path: string
  readonly isReadOnly: boolean
  readonly maxBytes: number | undefined
  readonly busyMs: number
}

/** One transaction. */
export type Operation =
  | { readonly kind: "statements"; readonly statements: readonly Statement[] }
  | { readonly kind: "procedure"; readonly owner: string; readonly name: string; readonly argument: unknown }

export type Request =
  | Operation
  | { readonly kind: "attach"; readonly owner: StoreOwner }
  | {
      readonly kind: "read"
      readonly sql: string
      readonly parameters: readonly SqlValue[]
      readonly maxRows: number
    }
  | { readonly kind: "check" }
  | { readonly kind: "close" }

/** Several at once: a message costs more than what is in it. */
export type RequestBatch = readonly (readonly [id: number, request: Request])[]

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WireError }

export type ReplyBatch = readonly (readonly [id: number, outcome: Outcome])[]

/** A MayflyError on its way between threads. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly retry?: boolean
  readonly fix?: string
  readonly details?: Readonly<Record<string, unknown>>
}
