const names: Readonly<Record<number, string>> = {
  1: "SQLITE_ERROR",
  4: "SQLITE_ABORT",
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  7: "SQLITE_NOMEM",
  8: "SQLITE_READONLY",
  9: "SQLITE_INTERRUPT",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  17: "SQLITE_SCHEMA",
  18: "SQLITE_TOOBIG",
  19: "SQLITE_CONSTRAINT",
  20: "SQLITE_MISMATCH",
  23: "SQLITE_AUTH",
  25: "SQLITE_RANGE",
  26: "SQLITE_NOTADB",
}

/** The name of SQLite's error code, or undefined for an error that is not SQLite's. */
export function sqliteCode(error: unknown): string | undefined {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (code !== "ERR_SQLITE_ERROR" || typeof errcode !== "number") return undefined
  return names[errcode & 0xff] ?? "SQLITE_ERROR"
}
