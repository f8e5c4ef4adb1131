import assert from "node:assert/strict"
import { DynamicWorker, type Platform, type Run } from "@mayfly/platform"
import { readProcesses, residentMb } from "./processes.ts"

export interface Attacked {
  readonly run: Run
  /** From the call to the answer. */
  readonly answeredMs: number
  /** Largest resident memory of any process below this one that was seen meanwhile, in MiB. */
  readonly peakMb: number
}

type Limits = NonNullable<Parameters<typeof DynamicWorker.create>[0]["limits"]>

export interface AttackOptions {
  readonly platform: Platform
  readonly limits?: Limits
  readonly env?: Readonly<Record<string, unknown>>
  readonly input?: unknown
  readonly network?: NonNullable<Parameters<typeof DynamicWorker.create>[0]["network"]>
  /** Another tenant's runs under way meanwhile. Default 2. */
  readonly neighbours?: number
}

const healthy =
  "export default async (input) => { await new Promise((done) => setTimeout(done, 30)); return { sum: input.a + input.b } }"

/**
 * Runs a hostile program while another tenant's runs wait in the same processes, and again afterwards. Fails when one of them is lost, or when
 * the attack has no usage or the supervisor does not answer.
 */
export async function attack(script: string, options: AttackOptions): Promise<Attacked> {
  const { platform, limits, env, input, network, neighbours = 2 } = options
  const worker = await DynamicWorker.create({
    script,
    tenant: "attacker",
    platform,
    ...(limits ? { limits } : {}),
    ...(env ? { env } : {}),
    ...(network ? { network } : {}),
  })
  const neighbour = await DynamicWorker.create({ script: healthy, tenant: "neighbour", platform })
  const around = Array.from({ length: neighbours }, (_, index) => neighbour.execute({ a: index, b: 1 }))
  const watch = watchMemory()
  const startedAt = performance.now()
  const attacked = worker.execute(input)
  const during = Array.from({ length: neighbours }, (_, index) => neighbour.execute({ a: index, b: 2 }))
  const run = await attacked
  const answeredMs = performance.now() - startedAt
  await assertSums(around, 1)
  await assertSums(during, 2)
  await assertSums([neighbour.execute({ a: 0, b: 3 })], 3)
  return { run, answeredMs, peakMb: watch.stop() }
}

async function assertSums(runs: readonly Promise<Run>[], added: number): Promise<void> {
  const results = (await Promise.all(runs)).map((run) =>
    run.ok ? run.result : `${run.error.code}: ${run.error.message} ${JSON.stringify(run.error.details)}`,
  )
  assert.deepStrictEqual(
    results,
    runs.map((_, index) => ({ sum: index + added })),
    "a neighbour was hurt",
  )
}

function watchMemory(): { stop(): number } {
  let peak = 0
  const look = (): void => {
    for (const process of readProcesses()) peak = Math.max(peak, residentMb(process))
  }
  const timer = setInterval(look, 10)
  return {
    stop() {
      clearInterval(timer)
      look()
      return peak
    },
  }
}

/** A failed run's code and limit, what every limit error says of itself. */
export function limitOf(run: Run): { code: string; limit: unknown; value: unknown; isUsedBeyond: boolean } {
  if (run.ok) return { code: "ok", limit: undefined, value: undefined, isUsedBeyond: false }
  const { limit, value, used } = run.error.details
  return { code: run.error.code, limit, value, isUsedBeyond: typeof used === "number" && used >= Number(value) }
}

export function codeOf(run: Run): string {
  return run.ok ? "ok" : run.error.code
}

/** Usage is there and makes sense, whatever happened. */
export function assertUsage(run: Run): void {
  const names = [
    "cpuMs",
    "wallMs",
    "queueMs",
    "peakMemoryBytes",
    "bytesIn",
    "bytesOut",
    "subRequests",
    "bindingCalls",
    "logBytes",
  ]
  assert.deepStrictEqual(Object.keys(run.usage).sort(), names.sort())
  for (const [name, value] of Object.entries(run.usage)) {
    assert.ok(typeof value === "number" && Number.isFinite(value) && value >= 0, `usage.${name} is ${String(value)}`)
  }
}
