import type { LedgerSink } from "@mayfly/mesh/ledger"
import type { Egress } from "@mayfly/protocol"

/** Records each attempt when it is over. To be replaced by mesh's own `ledger` option, which records before a byte leaves. */
export function recordEgress(egress: Egress, ledger: LedgerSink): Egress {
  return {
    check: (policy) => egress.check(policy),
    async fetch(request, context) {
      const recorded: Promise<void>[] = []
      const record: typeof context.record = (row) => {
        recorded.push(ledger.begin(row).then(() => ledger.end(row)))
        context.record(row)
      }
      try {
        return await egress.fetch(request, { ...context, record, onHop: () => context.onHop() })
      } finally {
        await Promise.allSettled(recorded)
      }
    },
  }
}
