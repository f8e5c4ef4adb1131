import { lookup as systemLookup } from "node:dns/promises"

/** Finds all addresses of a name. Rejects when there are none. */
export type Lookup = (name: string) => Promise<readonly string[]>

/** Asks the system, as every other program here would (hosts file included). */
export async function lookupAddresses(name: string): Promise<readonly string[]> {
  const found = await systemLookup(name, { all: true })
  return found.map(({ address }) => address)
}
