import type { Api } from "./api.ts"

/** The entries of all pages of a list. `path` has a query already, be it only "?". */
export async function listAll<Entry>(api: Api, path: string, name: string): Promise<readonly Entry[]> {
  const page = await allPages(api, path, name)
  return page[name] as Entry[]
}

/** The first page, with the entries of all. */
export async function allPages(api: Api, path: string, name: string): Promise<Record<string, unknown>> {
  const { cursor, ...first } = await pageOf(api, path)
  const all = [...(first[name] as unknown[])]
  for (let next = cursor; typeof next === "string";) {
    const page = await pageOf(api, `${path}&cursor=${encodeURIComponent(next)}`)
    all.push(...(page[name] as unknown[]))
    next = page["cursor"]
  }
  return { ...first, [name]: all }
}

async function pageOf(api: Api, path: string): Promise<Record<string, unknown>> {
  return (await api.call("GET", `${path}&limit=1000`)) as Record<string, unknown>
}
