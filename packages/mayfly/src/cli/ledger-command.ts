import type { RecordedRow } from "@mayfly/platform"
import { jsonLine, MayflyError } from "@mayfly/protocol"
import { directoryOwner } from "@mayfly/store"
import { apiPlace } from "./api-place.ts"
import { exitCodes, invalid, reportFailure } from "./command-error.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { type LedgerAction, type LedgerFlags, parseFilter, parseHead, parseLimit } from "./ledger-flags.ts"
import { openApi } from "./open-api.ts"
import { type Output, paint } from "./output.ts"
import { type Cell, printTable } from "./print-table.ts"
import { type LedgerReader, remoteLedger } from "./remote-ledger.ts"
import { safeLine } from "./safe-line.ts"
import { whileSpinning } from "./spinner.ts"

/** `mayfly ledger …`: reads the ledger of a data directory, whoever owns it. Gives the exit code; never rejects. */
export async function ledgerCommand(action: LedgerAction, flags: LedgerFlags, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    if (flags.csv === true && flags.json === true) throw invalid("--csv", "can't be given together with --json")
    await using ledger = await openLedger(flags)
    const context = { ledger, flags, output, signal: interrupts.signal }
    const code = await actions[action](context)
    return interrupts.exitCode ?? code ?? exitCodes.ok
  } catch (error) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    return reportFailure(error, flags, output)
  }
}

/** A directory's rows are read where they are, which needs no owner and disturbs none. */
async function openLedger(flags: LedgerFlags): Promise<LedgerReader & AsyncDisposable> {
  const place = apiPlace(flags)
  if (place.kind === "server") return remoteLedger(await openApi(flags))
  const hasOwner = directoryOwner(place.path) !== undefined
  const { readLedger } = await import("@mayfly/platform")
  await using opened = new AsyncDisposableStack()
  try {
    const ledger = opened.use(await readLedger(place.path, { hasOwner }))
    // Whether there is one is seen only now.
    if (hasOwner) await ledger.query({ limit: 1 })
    opened.move()
    return ledger
  } catch (error) {
    // A server that has not recorded anything yet may do so at any moment.
    if (!hasOwner || !(error instanceof MayflyError) || error.code !== "store.not-found") throw error
    return remoteLedger(await openApi(flags))
  }
}

interface Context {
  readonly ledger: LedgerReader
  readonly flags: LedgerFlags
  readonly output: Output
  readonly signal: AbortSignal
}

const actions: Readonly<Record<LedgerAction, (context: Context) => Promise<number | void>>> = {
  ls: list,
  export: exportAll,
  verify,
  summary: summarize,
}

async function list({ ledger, flags, output, signal }: Context): Promise<void> {
  const filter = parseFilter(flags, Date.now())
  const { rows, latest } = await ledger.query({ ...filter, limit: parseLimit(flags.limit) })
  const oldestFirst = rows.toReversed()
  if (flags.json === true) for (const row of oldestFirst) printRow(row, flags, output)
  else printTable(["time", "decision", "method", "where", "outcome", "tenant", "run"], oldestFirst.map(cells), output)
  if (flags.follow !== true) return
  for await (const { row } of ledger.follow({ ...filter, cursor: latest, signal })) printRow(row, flags, output)
}

async function exportAll({ ledger, flags, output, signal }: Context): Promise<void> {
  const filter = parseFilter(flags, Date.now())
  for await (const text of ledger.export(flags.csv === true ? "csv" : "jsonl", filter)) {
    signal.throwIfAborted()
    // A slow reader must not fill our memory.
    if (!output.stdout.write(text)) await new Promise((resume) => output.stdout.once("drain", resume))
  }
}

async function verify({ ledger, flags, output, signal }: Context): Promise<number> {
  const { tenant, expect } = flags
  const options = {
    ...(tenant === undefined ? {} : { tenant }),
    ...(expect === undefined ? {} : { expect: parseHead(expect) }),
    signal,
  }
  const result = await whileSpinning("reading the ledger", output, () => ledger.verify(options))
  if (flags.json === true) output.stdout.write(jsonLine(result))
  else if (result.ok) {
    const { entries, rows, head } = result
    output.stdout.write(
      `the ledger is what was written: ${entries} entries, ${rows} rows\nhead ${head.seq}:${head.hash}\n`,
    )
  } else {
    const { problem } = result
    const row = problem.id === null ? "" : ` (row ${problem.id})`
    const text = `the ledger is not what was written: ${problem.message}${row}`
    output.stdout.write(`${paint(output, "stdout", "red", safeLine(text))}\n`)
  }
  return result.ok ? exitCodes.ok : exitCodes.failed
}

async function summarize({ ledger, flags, output }: Context): Promise<void> {
  const summary = await ledger.summary(flags.run ?? "")
  output.stdout.write(flags.json === true ? jsonLine(summary) : `${safeLine(summary.text)}\n`)
}

function printRow(row: RecordedRow, { json }: LedgerFlags, output: Output): void {
  output.stdout.write(json === true ? jsonLine(row) : `${line(row, output)}\n`)
}

function line(row: RecordedRow, output: Output): string {
  return cells(row)
    .map((cell) =>
      typeof cell === "string" ? safeLine(cell) : paint(output, "stdout", cell.style, safeLine(cell.text)),
    )
    .join("  ")
}

function cells(row: RecordedRow): readonly Cell[] {
  const { time, tenant, runId, method, origin, path, decision, reason, status, outcome, durationMs } = row
  const style = decision === "deny" ? "red" : outcome === "unknown" ? "yellow" : "green"
  const end =
    decision === "deny" ? (reason ?? "") : outcome === "known" ? `${status ?? reason ?? ""} ${durationMs} ms` : outcome
  const where = `${origin}${path}`
  const whose = [tenant, runId].map((text): Cell => ({ text, style: "dim" }))
  return [new Date(time).toISOString(), { text: decision.padEnd(5), style }, method, where, end, ...whose]
}
