import { type ErrorCode, errorTable } from "./error-table.ts"

export interface MayflyErrorOptions {
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
  /** Overrides the table, for instance when a run has already had effects. */
  readonly retry?: boolean
  readonly fix?: string
}

/** The one error class. `code` is stable; `message` is for people and may change. */
export class MayflyError extends Error {
  readonly code: ErrorCode
  /** Whether the same call may simply be made again. */
  readonly retry: boolean
  /** What to change. */
  readonly fix: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: MayflyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = "MayflyError"
    this.code = code
    this.retry = options.retry ?? errorTable[code].retry
    this.fix = options.fix ?? errorTable[code].fix
    this.details = options.details ?? {}
  }

  /** HTTP status of the error, from the table. */
  get status(): number {
    return errorTable[this.code].status
  }

  /** The form used on JSON surfaces. Holds no stack and no cause. */
  toJSON(): Record<string, unknown> {
    const { code, message, retry, fix, details } = this
    return { code, message, retry, fix, details }
  }
}
