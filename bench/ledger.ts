// npm run bench -- ledger [--quick]: attempts per second that the ledger keeps, each with its outcome. It reports and asserts nothing.
import { parseArgs } from "node:util"
import { measureLedger } from "./mesh/ledger-rows.ts"

const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } })
for (const callers of [1, 10, 100, 1_000]) {
  const { attemptsPerSecond, beginMs, verifiedEntriesPerSecond, pageMs } = await measureLedger(
    callers,
    values.quick ? 500 : 3_000,
  )
  const count = (value: number): string => Math.round(value).toLocaleString("en").padStart(8)
  console.log(
    `${String(callers).padStart(5)} at once: ${count(attemptsPerSecond)} attempts/s with outcomes, begin ${beginMs.p50.toFixed(2)} ms (p99 ${beginMs.p99.toFixed(1)}), ` +
      `verify ${count(verifiedEntriesPerSecond)} entries/s, a page that finds nothing ${pageMs.toFixed(0)} ms`,
  )
}
