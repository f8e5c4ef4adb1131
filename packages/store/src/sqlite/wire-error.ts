import { MayflyError } from "@mayfly/protocol"
import type { WireError } from "./messages.ts"
import { codeOfSqlite } from "./sqlite-code.ts"

/** What reaches the caller of a failure in a database thread. Our own errors go as they are. */
export function toWireError(error: unknown): WireError {
  if (error instanceof MayflyError) {
    const { code, message, retry, fix, details } = error
    return { code, message, retry, fix, details: plain(details) }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: codeOfSqlite(error) ?? "store.failed", message: `the database says: ${message}` }
}

export function fromWireError({ code, message, retry, fix, details }: WireError): MayflyError {
  return new MayflyError(code, message, {
    ...(retry === undefined ? {} : { retry }),
    ...(fix === undefined ? {} : { fix }),
    ...(details === undefined ? {} : { details }),
  })
}

/** Details may hold anything; what can't be cloned must not lose the error. */
function plain(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    return structuredClone(details)
  } catch {
    return {}
  }
}
