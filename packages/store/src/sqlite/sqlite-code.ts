import type { ErrorCode } from "@mayfly/protocol"

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
export const resultCodes = {
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  inputOutput: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  constraint: 19,
  notADatabase: 26,
} as const

/** The primary code of an error of node:sqlite, undefined for any other error. The low byte: the rest says more exactly what it is. */
export function resultCodeOf(error: unknown): number | undefined {
  const { errcode } = (error ?? {}) as { errcode?: unknown }
  return typeof errcode === "number" ? errcode & 0xff : undefined
}

/** Undefined for what has no code of its own. */
export function codeOfSqlite(error: unknown): ErrorCode | undefined {
  switch (resultCodeOf(error)) {
    case resultCodes.busy:
    case resultCodes.locked:
      return "store.busy"
    case resultCodes.full:
      return "store.full"
    case resultCodes.corrupt:
    case resultCodes.notADatabase:
      return "store.corrupt"
    case resultCodes.constraint:
      return "store.constraint"
    case resultCodes.readOnly:
      return "store.read-only"
    default:
      return undefined
  }
}
