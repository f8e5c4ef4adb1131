import { randomUUID } from "node:crypto"
import { type EgressContext, type LedgerRow, MayflyError, type Span, startSpan, tell } from "@mayfly/protocol"
import type { EgressLedger } from "./egress-options.ts"

/** The row of one attempt while it happens. Ends once, at the latest when the run does. */
export class LedgerEntry {
  readonly #context: EgressContext
  readonly #ledger: EgressLedger | undefined
  readonly #startedAt = performance.now()
  readonly #onAbort = (): void => this.end({ reason: "aborted" })
  /** Of the attempt, from the wish to the last byte. */
  readonly span: Span | undefined
  #row: LedgerRow
  #begun: Promise<void> | undefined
  #hasTried = false
  #isOver = false

  constructor(
    context: EgressContext,
    ledger: EgressLedger | undefined,
    start: Pick<LedgerRow, "method" | "policyHash">,
  ) {
    const { tenant, runId, sandboxId, step, signal } = context
    this.#context = context
    this.#ledger = ledger
    const asker = {
      tenant,
      runId,
      ...(sandboxId === undefined ? {} : { sandboxId }),
      ...(step === undefined ? {} : { step }),
    }
    this.#row = { id: randomUUID(), time: Date.now(), ...asker, ...blank, ...start }
    const { span: parent } = context
    this.span = parent === undefined ? undefined : startSpan(start.method, { kind: "client", parent })
    // A run that ends takes its attempts with it, and its rows must be complete by then.
    signal.addEventListener("abort", this.#onAbort, { once: true })
  }

  get row(): LedgerRow {
    return this.#row
  }

  set(fields: Partial<LedgerRow>): void {
    if (!this.#isOver) this.#row = { ...this.#row, ...fields }
  }

  /** Bytes are counted often; the row is made of them when it is shown. */
  addBytes(direction: "bytesIn" | "bytesOut", count: number): void {
    this.#counts[direction] += count
  }

  /** For bytes that something else counts already. Asked once, at the end. */
  countFrom(read: () => ByteCounts): void {
    this.#measure = read
  }

  readonly #counts = { bytesIn: 0, bytesOut: 0 }
  #measure: (() => ByteCounts) | undefined

  /** Writes the row down. What it is about must not happen before this resolves. Rejects with `mesh.ledger-failed`. */
  async begin(): Promise<void> {
    if (this.#ledger === undefined || this.#isOver) return
    try {
      this.#begun = this.#tryToBegin()
      await this.#begun
    } catch (cause) {
      this.#begun = undefined
      this.end({ decision: "deny", reason: "ledger-failed" })
      const message = `${this.#row.method} ${this.#row.origin} was not sent: the ledger could not record it`
      throw new MayflyError("mesh.ledger-failed", message, { cause })
    }
  }

  #endSpan(): void {
    const { method, origin, decision, status, bytesIn, bytesOut, runId, reason } = this.#row
    this.span?.set({
      "http.request.method": method,
      "mayfly.egress.origin": origin,
      "mayfly.egress.decision": decision,
      "mayfly.egress.bytes_in": bytesIn,
      "mayfly.egress.bytes_out": bytesOut,
      "mayfly.run.id": runId,
      ...(status === null ? {} : { "http.response.status_code": status }),
    })
    this.span?.end(reason ?? undefined)
  }

  async #tryToBegin(): Promise<void> {
    this.#hasTried = true
    await this.#ledger?.begin(this.#row)
  }

  /** The outcome is known. Ending twice is safe; the first outcome counts. */
  end(fields: Partial<LedgerRow> = {}): void {
    if (this.#isOver) return
    const durationMs = Math.round(performance.now() - this.#startedAt)
    this.#row = { ...this.#row, ...this.#counts, ...this.#measure?.(), ...fields, durationMs }
    this.#isOver = true
    this.#context.signal.removeEventListener("abort", this.#onAbort)
    this.#context.record(this.#row)
    tell("egress", this.#row)
    this.#endSpan()
    // An attempt that was given up before its row was begun: a name may have been looked up, or somebody asked.
    if (!this.#hasTried) this.#begun = this.#tryToBegin()
    // A row that is still being begun ends after that.
    void this.#begun?.then(
      () => this.#ledger?.end(this.#row),
      () => {},
    )
  }
}

export type ByteCounts = Pick<LedgerRow, "bytesIn" | "bytesOut">

const blank = {
  origin: "",
  path: "",
  address: null,
  port: 0,
  decision: "deny",
  rule: null,
  reason: null,
  status: null,
  bytesIn: 0,
  bytesOut: 0,
  durationMs: 0,
  secrets: [],
} as const satisfies Partial<LedgerRow>
