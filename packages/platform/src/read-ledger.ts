import { createLedger, type Ledger } from "@mayfly/mesh/ledger"
import { openStore } from "@mayfly/store"

export interface ReadLedgerOptions {
  /** Whether a process that writes it lives. What has no outcome is then pending, else unknown. */
  readonly hasOwner: boolean
}

/** The ledger of a data directory, for reading, beside whoever owns it. Its `close` closes all of it. Rejects with `store.not-found` when nothing was recorded. */
export async function readLedger(directory: string, { hasOwner }: ReadLedgerOptions): Promise<Ledger> {
  const store = await openStore({ directory, readOnly: true })
  const ledger = createLedger({ store: async () => store, directory, readOnly: true, ownerIsGone: !hasOwner })
  const close = async (): Promise<void> => {
    await ledger.close()
    await store.close()
  }
  return {
    begin: (row) => ledger.begin(row),
    end: (row) => ledger.end(row),
    query: (query) => ledger.query(query),
    follow: (options) => ledger.follow(options),
    export: (format, filter) => ledger.export(format, filter),
    verify: (options) => ledger.verify(options),
    summary: (runId) => ledger.summary(runId),
    prune: (before) => ledger.prune(before),
    close,
    [Symbol.asyncDispose]: close,
  }
}
