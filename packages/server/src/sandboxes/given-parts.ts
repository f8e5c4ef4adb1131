import { MayflyError } from "@mayfly/protocol"

/** Throws `sandbox.not-found`. */
export function partOf<T extends { readonly id: string }>(parts: readonly T[], id: string, what: string): T {
  const found = parts.find((part) => part.id === id)
  if (found !== undefined) return found
  throw new MayflyError(
    "sandbox.not-found",
    `there is no ${what} "${id.slice(0, 64)}" in this sandbox, or it has ended`,
    {
      details: { id: id.slice(0, 64) },
      fix: `List the sandbox's ${what}s; they end with it when it stops.`,
    },
  )
}

/** Fields that were given: what is undefined was not, and the library tells the two apart. */
export function given<T extends object>(fields: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>
  }
}
