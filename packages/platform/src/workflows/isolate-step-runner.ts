import { setTimeout as delay } from "node:timers/promises"
import { MayflyError } from "@mayfly/protocol"
import { DynamicWorker, type DynamicWorkerOptions, loadWorker, type Runtime, type WorkerParts } from "@mayfly/runtime"
import type { CodeEnd, RunPlace, RunTrace, ScriptRun, StepRunner, WorkerProgram } from "@mayfly/workflows"
import { scriptModules } from "./script-modules.ts"
import { ScriptIsolate } from "./script-isolate.ts"
import { IsolateScriptRun, type ScriptCall } from "./script-run.ts"
import { ScriptSlots } from "./script-slots.ts"
import { SharedIsolates } from "./shared-isolates.ts"
import { StepWorker } from "./step-worker.ts"

// A step is a call of a binding to its script, and has a timeout of its own.
/** A script lives as long as its steps take; its CPU is counted over one activation. */
const scriptLimits = { cpuMs: 30_000, wallMs: null, bindingMs: null, bindingCalls: 1_000_000 }

type Loaded<Worker> = Map<string, Promise<Worker>>

/** Isolates that scripts may hold at once; more wait for their turn. */
const maxScripts = 256
/** Instances that are suspected of having ended an isolate which they shared. */
const maxSuspects = 10_000

/** Runs the guest code of workflows in isolates. Compiled programs are kept as long as the engine keeps their definition. */
export class IsolateStepRunner implements StepRunner {
  readonly #runtime: Runtime
  readonly #workers = new WeakMap<WorkerProgram, Loaded<DynamicWorker>>()
  readonly #slots = new ScriptSlots(maxScripts)
  readonly #scripts = new WeakMap<WorkerProgram, Loaded<WorkerParts>>()
  readonly #shared = new WeakMap<WorkerProgram, Map<string, SharedIsolates>>()
  readonly #suspects = new Set<string>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  async check(program: WorkerProgram, kind: "step" | "script", tenant: string): Promise<void> {
    if (kind === "script") await this.#script(program, tenant)
    else await this.#worker(program, tenant)
  }

  async runCode(program: WorkerProgram, input: unknown, { tenant, signal }: RunPlace): Promise<CodeEnd> {
    try {
      const worker = await this.#worker(program, tenant)
      const run = await inTurn(signal, () => worker.execute(input, { signal }))
      const { logs, usage, egress } = run
      const trace = { logs, usage, egress }
      return run.ok ? { ok: true, result: run.result, ...trace } : { ok: false, error: run.error, ...trace }
    } catch (error) {
      if (error instanceof MayflyError && error.code === "platform.disposed") throw error
      return { ok: false, error }
    }
  }

  async createWorker(
    options: unknown,
    { tenant, signal }: RunPlace,
    onRun: (trace: RunTrace) => void,
  ): Promise<StepWorker> {
    const given = (typeof options === "string" ? { script: options } : options) as DynamicWorkerOptions
    const worker = await DynamicWorker.create({ tenant, ...given, platform: { runtime: this.#runtime } })
    return new StepWorker(worker, signal, onRun)
  }

  runScript(
    program: WorkerProgram,
    call: ScriptCall & { readonly reuse?: boolean },
    { tenant }: Pick<RunPlace, "tenant">,
  ): ScriptRun {
    const suspect = `${tenant}\n${call.event.instanceId}`
    if (call.reuse === true && !this.#suspects.has(suspect)) return this.#runShared(program, call, tenant, suspect)
    const { instanceId: seed, timestamp } = call.event
    const isolate = this.#isolate(program, tenant, { isShared: false, seed, at: timestamp.getTime() })
    const onDispose = (hasEnded: boolean): void => (hasEnded ? isolate.release() : isolate.abort())
    const run = new IsolateScriptRun(isolate, call, { onDispose, isInnocent: () => false })
    // It has shown what it does when it is alone.
    run.ended.then(() => this.#suspects.delete(suspect)).catch(() => {})
    return run
  }

  /** When a shared isolate is lost, each of its instances goes on alone: what ends that one is its own doing. */
  #runShared(program: WorkerProgram, call: ScriptCall, tenant: string, suspect: string): ScriptRun {
    const shared = this.#sharedOf(program, tenant)
    const setup = { isShared: true, seed: "", at: 0 }
    const { cpuMs = scriptLimits.cpuMs } = (program.limits ?? {}) as { cpuMs?: number | null }
    const isolate = shared.find(cpuMs, (onEnd) => this.#isolate(program, tenant, setup, onEnd))
    const isInnocent = (): boolean => {
      this.#suspects.add(suspect)
      for (const oldest of this.#suspects) if (this.#suspects.size > maxSuspects) this.#suspects.delete(oldest)
      return true
    }
    return new IsolateScriptRun(isolate, call, { onDispose: () => shared.left(isolate), isInnocent })
  }

  #sharedOf(program: WorkerProgram, tenant: string): SharedIsolates {
    const byTenant = this.#shared.get(program) ?? new Map<string, SharedIsolates>()
    this.#shared.set(program, byTenant)
    const shared = byTenant.get(tenant) ?? new SharedIsolates()
    byTenant.set(tenant, shared)
    return shared
  }

  #isolate(
    program: WorkerProgram,
    tenant: string,
    setup: { readonly isShared: boolean; readonly seed: string; readonly at: number },
    onEnd = (): void => {},
  ): ScriptIsolate {
    const enter = (signal: AbortSignal) => this.#slots.take(tenant, signal)
    return new ScriptIsolate({ load: () => this.#script(program, tenant), enter, setup, onEnd })
  }

  #worker(program: WorkerProgram, tenant: string): Promise<DynamicWorker> {
    return keep(this.#workers, program, tenant, () =>
      DynamicWorker.create({ ...(program as DynamicWorkerOptions), tenant, platform: { runtime: this.#runtime } }),
    )
  }

  #script(program: WorkerProgram, tenant: string): Promise<WorkerParts> {
    return keep(this.#scripts, program, tenant, () => this.#loadScript(program, tenant))
  }

  async #loadScript(program: WorkerProgram, tenant: string): Promise<WorkerParts> {
    const { language = "auto" } = program
    if (language !== "auto") return this.#load(program, tenant, language)
    try {
      return await this.#load(program, tenant, "javascript")
    } catch (error) {
      if (!(error instanceof MayflyError && error.code === "worker.syntax")) throw error
      // Types are a syntax error too. When it is none of both, the first message is about what was written.
      return this.#load(program, tenant, "typescript").catch(() => {
        throw error
      })
    }
  }

  async #load(program: WorkerProgram, tenant: string, language: "javascript" | "typescript"): Promise<WorkerParts> {
    const { limits, network, env } = program as DynamicWorkerOptions
    const parts = await loadWorker({
      ...scriptModules(program, language),
      limits: { ...scriptLimits, ...limits },
      ...(network !== undefined && { network }),
      ...(env !== undefined && { env }),
      tenant,
      platform: { runtime: this.#runtime },
    })
    return { ...parts, isScript: true }
  }
}

function keep<Worker>(
  all: WeakMap<WorkerProgram, Loaded<Worker>>,
  program: WorkerProgram,
  tenant: string,
  load: () => Promise<Worker>,
): Promise<Worker> {
  const loaded = all.get(program) ?? new Map<string, Promise<Worker>>()
  all.set(program, loaded)
  const known = loaded.get(tenant)
  if (known !== undefined) return known
  const loading = load()
  loaded.set(tenant, loading)
  // A failure is everybody's who waits now, and nobody's later.
  loading.catch(() => loaded.delete(tenant))
  return loading
}

/** A step that comes too early for its tenant's quota waits: nothing of it is wrong, and its timeout counts on. */
async function inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof MayflyError) || (error.code !== "quota.rate" && error.code !== "quota.concurrency"))
        throw error
      const { retryAfterMs } = error.details
      // Apart from each other: all that wait would else come at once.
      await delay(Number(retryAfterMs) * (1 + Math.random()), undefined, { signal })
    }
  }
}
