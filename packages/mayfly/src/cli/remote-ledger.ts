import {
  exportRows,
  type FollowedRow,
  type Ledger,
  type LedgerPage,
  type LedgerQuery,
  type RecordedRow,
  type RunSummary,
  type Verification,
} from "@mayfly/platform"
import { answerError } from "@mayfly/protocol"
import { invalid } from "./command-error.ts"
import { followEvents } from "./follow-events.ts"
import type { Api } from "./api.ts"

/** What reading needs of a ledger. */
export type LedgerReader = Pick<Ledger, "query" | "follow" | "export" | "verify" | "summary">

/** The ledger of a server, through its API, which it owns from now on. */
export function remoteLedger(api: Api, pageRows = 1_000): LedgerReader & AsyncDisposable {
  const query = async (wanted: LedgerQuery = {}): Promise<LedgerPage> =>
    (await api.call("GET", `/v1/ledger?${queryOf(wanted)}`)) as LedgerPage
  return {
    query,
    async *follow({ signal = new AbortController().signal, ...wanted } = {}) {
      for await (const { event, data, id = "" } of followEvents(api, `/v1/ledger?${queryOf(wanted)}`, { signal })) {
        if (event === "error") throw answerError(data)
        if (event === "row") yield { row: data as RecordedRow, cursor: id } satisfies FollowedRow
      }
    },
    export: (format, filter = {}) => exportRows(format, oldestFirst(query, { ...filter, limit: pageRows })),
    async verify({ tenant, expect } = {}) {
      if (tenant !== undefined || expect !== undefined)
        throw invalid(
          tenant === undefined ? "--expect" : "--tenant",
          "works with --data: a server verifies its whole ledger",
        )
      return (await api.call("GET", "/v1/ledger/verify")) as Verification
    },
    summary: async (run) => (await api.call("GET", `/v1/ledger/summary?${queryOf({ run })}`)) as RunSummary,
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  }
}

/** The API lists the newest first: cursors are noted on the way back, and pages read again on the way forth, so that one page is held at a time. */
async function* oldestFirst(
  query: (wanted: LedgerQuery) => Promise<LedgerPage>,
  filter: LedgerQuery & { readonly limit: number },
): AsyncGenerator<readonly RecordedRow[]> {
  const first = await query(filter)
  const cursors: string[] = []
  for (let { next } = first; next !== null;) {
    cursors.push(next)
    next = (await query({ ...filter, cursor: next })).next
  }
  for (const cursor of cursors.toReversed()) yield (await query({ ...filter, cursor })).rows.toReversed()
  yield first.rows.toReversed()
}

function queryOf(given: LedgerQuery): string {
  const known = Object.entries(given).filter(([, value]) => value !== undefined)
  return new URLSearchParams(known.map(([name, value]): [string, string] => [name, String(value)])).toString()
}
