// A process that keeps a ledger and says what is safe: `node ledger-writer.fixture.ts DIRECTORY`. Prints `begun ID`, until it is killed.
import { openStore } from "@mayfly/store"
import { createLedger } from "./create-ledger.ts"
import { ledgerRow } from "./ledger-row.fixture.ts"

const [directory = ""] = process.argv.slice(2)
const store = await openStore({ directory })
const ledger = createLedger({ store: async () => store, directory })
await Promise.all(
  Array.from({ length: 20 }, async () => {
    for (;;) {
      const row = ledgerRow()
      await ledger.begin(row)
      process.stdout.write(`begun ${row.id}\n`)
      ledger.end({ ...row, status: 200, bytesIn: 10, durationMs: 1 })
    }
  }),
)
