import type { Api } from "./api.ts"

/** The entries of all pages of a list. `path` has a query already, be it only "?". */
export async function listAll<Entry>(api: Api, path: string, name: string): Promise<readonly Entry[]> {
  const all: Entry[] = []
  for (let cursor = ""; ;) {
    const from = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`
    const page = (await api.call("GET", `${path}&limit=1000${from}`)) as Record<string, unknown>
    all.push(...(page[name] as Entry[]))
    if (typeof page["cursor"] !== "string") return all
    cursor = page["cursor"]
  }
}
