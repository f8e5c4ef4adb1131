import type { PlatformStats } from "@mayfly/platform"
import { listenToTelemetry } from "@mayfly/protocol"
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client"
import { TenantLabels } from "./tenant-labels.ts"

export interface MetricsOptions {
  /** A `tenant` label on runs and egress. */
  readonly tenants: boolean
}

/** A finished HTTP request. */
export interface RequestFact {
  readonly method: string
  /** The pattern, never the path. */
  readonly route: string
  readonly status: number
  readonly durationMs: number
}

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const waits = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600]
/** Counting instances reads them all. */
const statsEveryMs = 10_000

/** The numbers of this process, in Prometheus' text. Labels have few values, whatever guests and clients do. Whoever makes it disposes it. */
export class Metrics implements Disposable {
  readonly #registry = new Registry()
  readonly #requests: Histogram<"method" | "route" | "status">
  readonly #streams: Gauge
  readonly #listening: Disposable

  constructor(stats: () => PlatformStats, { tenants }: MetricsOptions) {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#requests = new Histogram({
      name: "mayfly_http_request_duration_seconds",
      help: "HTTP requests until their answer began, by route pattern and status.",
      labelNames: ["method", "route", "status"],
      buckets: seconds,
      registers,
    })
    this.#streams = new Gauge({
      name: "mayfly_http_open_streams",
      help: "Event streams that somebody reads.",
      registers,
    })
    this.#listening = this.#listen(registers, new TenantLabels(tenants))
    this.#addGauges(registers, stats)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** Names, kinds and labels, for the documentation. */
  list(): {
    readonly name: string
    readonly help: string
    readonly kind: string
    readonly labels: readonly string[]
  }[] {
    return this.#registry.getMetricsAsArray().map((metric) => {
      const {
        name,
        help,
        type,
        labelNames = [],
      } = metric as unknown as Record<string, string> & { labelNames?: string[] }
      return { name: String(name), help: String(help), kind: String(type), labels: labelNames }
    })
  }

  request({ method, route, status, durationMs }: RequestFact): void {
    this.#requests.observe({ method, route, status }, durationMs / 1_000)
  }

  streamOpened(): void {
    this.#streams.inc()
  }

  streamClosed(): void {
    this.#streams.dec()
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]()
    this.#registry.clear()
  }

  #listen(registers: Registry[], tenants: TenantLabels): Disposable {
    const histogram = (name: string, help: string, buckets = seconds): Histogram =>
      new Histogram({ name, help, buckets, registers })
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> =>
      new Counter({ name, help, labelNames, registers })
    const withTenant = tenants.isOn ? ["tenant"] : []
    const runs = counter("mayfly_runs_total", "Runs that are over, by outcome: ok, or an error code.", [
      "outcome",
      ...withTenant,
    ])
    const cpu = histogram("mayfly_run_cpu_seconds", "CPU time of a run.")
    const wall = histogram("mayfly_run_duration_seconds", "Time of a run from the moment it had its isolate.")
    const queue = histogram("mayfly_run_queue_seconds", "Time that a run waited for its isolate.")
    const egress = counter(
      "mayfly_egress_total",
      "Attempts of programs and sandboxes to reach something, by decision.",
      ["decision", ...withTenant],
    )
    const egressBytes = counter("mayfly_egress_bytes_total", "Bytes of those attempts.", ["direction"])
    const guestLines = counter("mayfly_guest_log_lines_total", "Console lines of programs.", [])
    const steps = counter("mayfly_workflow_step_attempts_total", "Attempts at steps that are over.", ["outcome"])
    const stepTime = histogram("mayfly_workflow_step_duration_seconds", "Time of one attempt at a step.")
    const activations = counter(
      "mayfly_workflow_activations_total",
      "Stays of instances in memory that are over, by how they ended.",
      ["end"],
    )
    const lateness = histogram(
      "mayfly_workflow_wake_lateness_seconds",
      "How much later than due an instance was taken up.",
      waits,
    )
    const execs = counter("mayfly_sandbox_commands_total", "Commands in sandboxes that are over.", ["outcome"])
    const execTime = histogram(
      "mayfly_sandbox_command_duration_seconds",
      "Time of one such command, the sandbox's start included.",
    )
    const commits = histogram("mayfly_store_commit_seconds", "Time of a write from its request until it was on disk.")
    const failed = counter("mayfly_store_failed_writes_total", "Writes that were refused or failed.", [])
    return listenToTelemetry({
      run: (fact) => {
        runs.inc({ outcome: fact.outcome, ...tenants.of(fact.tenant) })
        cpu.observe(fact.cpuMs / 1_000)
        wall.observe(fact.wallMs / 1_000)
        queue.observe(fact.queueMs / 1_000)
      },
      log: () => guestLines.inc(),
      egress: ({ decision, tenant, bytesIn, bytesOut }) => {
        egress.inc({ decision, ...tenants.of(tenant) })
        egressBytes.inc({ direction: "in" }, bytesIn)
        egressBytes.inc({ direction: "out" }, bytesOut)
      },
      step: ({ isOk, durationMs }) => {
        steps.inc({ outcome: isOk ? "ok" : "failed" })
        stepTime.observe(durationMs / 1_000)
      },
      activation: ({ end }) => activations.inc({ end }),
      wake: ({ latenessMs }) => lateness.observe(latenessMs / 1_000),
      exec: ({ isOk, durationMs }) => {
        execs.inc({ outcome: isOk ? "ok" : "failed" })
        execTime.observe(durationMs / 1_000)
      },
      commit: ({ isOk, durationMs }) => {
        if (isOk) commits.observe(durationMs / 1_000)
        else failed.inc()
      },
    })
  }

  /** Read when they are asked for. */
  #addGauges(registers: Registry[], stats: () => PlatformStats): void {
    const gauge = (name: string, help: string, read: (now: PlatformStats) => number): Gauge =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read(stats()))
        },
      })
    gauge("mayfly_hosts", "Host processes that take runs.", ({ pool }) => pool.hosts)
    gauge("mayfly_spare_hosts", "Host processes that stand ready to replace a dead one.", ({ pool }) =>
      Number(pool.hasSpare),
    )
    gauge("mayfly_isolates", "Isolates that hold a run.", ({ pool }) => pool.running)
    gauge("mayfly_runs_waiting", "Runs that wait for an isolate.", ({ pool }) => pool.waiting)
    gauge("mayfly_sandboxes", "Sandboxes that run.", ({ sandboxes }) => sandboxes)
    const workflows = cached(() => stats().workflows(), statsEveryMs)
    new Gauge({
      name: "mayfly_workflows",
      help: "Workflow instances that are kept, by status; counted at most every ten seconds.",
      labelNames: ["status"],
      registers,
      async collect() {
        this.reset()
        for (const [status, count] of Object.entries((await workflows())?.byStatus ?? {})) this.set({ status }, count)
      },
    })
    new Gauge({
      name: "mayfly_workflows_active",
      help: "Workflow instances in memory; counted likewise.",
      registers,
      async collect() {
        this.set((await workflows())?.active ?? 0)
      },
    })
  }
}

/** What cost something to find out counts for a while. A store in trouble must not hide the other numbers. */
function cached<T>(find: () => Promise<T>, everyMs: number): () => Promise<T | undefined> {
  let known: Promise<T | undefined> | undefined
  let foundAt = 0
  return () => {
    const now = performance.now()
    if (known === undefined || now - foundAt > everyMs) {
      foundAt = now
      known = find().catch(() => undefined)
    }
    return known
  }
}
