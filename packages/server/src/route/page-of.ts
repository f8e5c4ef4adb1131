export interface PageQuery {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

const defaultLimit = 100

/**
 * A page of a list that is short enough to be read whole. Entries are put in the order of their keys, and the cursor is the last key: what was added or
 * removed between two pages shifts nothing.
 */
export function pageOf<Entry>(
  list: readonly Entry[],
  { limit = defaultLimit, cursor }: PageQuery,
  keyOf: (entry: Entry) => string,
): { readonly entries: readonly Entry[]; readonly cursor?: string } {
  const sorted = list.toSorted((a, b) => compare(keyOf(a), keyOf(b)))
  const rest = cursor === undefined ? sorted : sorted.filter((entry) => compare(keyOf(entry), cursor) > 0)
  const entries = rest.slice(0, limit)
  const last = entries.at(-1)
  return rest.length > limit && last !== undefined ? { entries, cursor: keyOf(last) } : { entries }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** For lists that are bounded and short where they come from: whole and in their own order, unless pages are asked for. */
export function wholeOrPageOf<Entry>(
  list: readonly Entry[],
  query: PageQuery,
  keyOf: (entry: Entry) => string,
): { readonly entries: readonly Entry[]; readonly cursor?: string } {
  if (query.limit === undefined && query.cursor === undefined) return { entries: list }
  return pageOf(list, query, keyOf)
}
