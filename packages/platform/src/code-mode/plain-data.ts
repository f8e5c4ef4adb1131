/**
 * A copy that is only data. A method on a tool's result would otherwise become a stub, and the guest could call the host where nobody meant to.
 * What structured clone refuses goes through JSON, which drops functions, as at Cloudflare.
 */
export function plainData(value: unknown): unknown {
  if (typeof value !== "object" || value === null)
    return typeof value === "function" || typeof value === "symbol" ? undefined : value
  try {
    return structuredClone(value)
  } catch {
    return JSON.parse(JSON.stringify(value) ?? "null") as unknown
  }
}
