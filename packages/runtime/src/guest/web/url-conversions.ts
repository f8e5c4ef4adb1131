/** Stands in for the package `webidl-conversions`: the two conversions that whatwg-url calls. */
export function USVString(value: unknown): string {
  // Not String(value): it accepts symbols, which Web IDL rejects.
  return `${value as string}`.toWellFormed()
}

export function any(value: unknown): unknown {
  return value
}
