import { type Limits, MayflyError, type NetworkPolicy, type GivenModule } from "@mayfly/protocol"
import { bindEnv } from "../worker/env-bindings.ts"
import type { DynamicWorkerOptions } from "../worker/worker-options.ts"

/** Something with a `fetch` method: a binding, an entrypoint, a gateway of the parent's. */
export interface Fetcher {
  fetch(request: Request): Promise<Response>
}

/** Told about each invocation when it is over, as a Cloudflare tail worker. */
export interface Tail {
  tail(events: readonly TraceItem[]): unknown
}

/** Cloudflare's TraceItem, as far as it applies. Times are milliseconds. */
export interface TraceItem {
  readonly event: { readonly request?: { readonly url: string; readonly method: string }; readonly rpcMethod?: string }
  readonly eventTimestamp: number
  readonly logs: readonly { readonly timestamp: number; readonly level: string; readonly message: readonly string[] }[]
  readonly exceptions: readonly {
    readonly timestamp: number
    readonly name: string
    readonly message: string
    readonly stack?: string
  }[]
  readonly outcome: "ok" | "exception" | "exceededCpu" | "exceededMemory" | "canceled" | "unknown"
  readonly cpuTime: number
  readonly wallTime: number
}

/** Cloudflare's WorkerLoaderWorkerCode. Beyond it: TypeScript modules, `network`, and limits for memory and time. */
export interface WorkerCode {
  readonly compatibilityDate?: string
  readonly compatibilityFlags?: readonly string[]
  readonly allowExperimental?: boolean
  readonly mainModule: string
  readonly modules: Readonly<Record<string, GivenModule>>
  readonly env?: Readonly<Record<string, unknown>>
  /** null: nothing can be reached. A fetcher: it gets every request. Omitted: `network` decides, whose default is to deny. */
  readonly globalOutbound?: Fetcher | null
  readonly limits?: Partial<Limits>
  readonly network?: NetworkPolicy
  readonly tails?: readonly Tail[]
}

export interface ParsedCode {
  readonly worker: DynamicWorkerOptions
  readonly outbound: Fetcher | null | undefined
  readonly tails: readonly Tail[]
}

const known = [
  "compatibilityDate",
  "compatibilityFlags",
  "allowExperimental",
  "mainModule",
  "modules",
  "env",
  "globalOutbound",
  "limits",
  "network",
  "tails",
]
/** As at Cloudflare. */
const maxEnvBytes = 1 << 20

/** Checks a worker's code. Throws `input.invalid` naming the field. */
export function parseWorkerCode(code: WorkerCode): ParsedCode {
  if (typeof code !== "object" || code === null) throw invalid("code", "must be an object with mainModule and modules")
  for (const name of Object.keys(code))
    if (!known.includes(name)) throw invalid(name, `is not a field of a worker's code; they are ${known.join(", ")}`)
  const { mainModule, modules, env, limits, network, globalOutbound, tails = [] } = code
  refusePython(modules)
  if (globalOutbound !== undefined && globalOutbound !== null && typeof globalOutbound.fetch !== "function") {
    throw invalid("globalOutbound", "must be null or have a fetch method")
  }
  if (!Array.isArray(tails) || !tails.every((tail: Partial<Tail>) => typeof tail.tail === "function")) {
    throw invalid("tails", "must be a list of objects with a tail method")
  }
  if (env !== undefined) checkEnvSize(env)
  const worker = { mainModule, modules, ...(env && { env }), ...(limits && { limits }), ...(network && { network }) }
  return { worker, outbound: globalOutbound, tails: tails as readonly Tail[] }
}

function refusePython(modules: unknown): void {
  if (typeof modules !== "object" || modules === null) throw invalid("modules", "must be an object of modules by name")
  for (const [name, module] of Object.entries(modules)) {
    if (!name.endsWith(".py") && !(typeof module === "object" && module !== null && "py" in module)) continue
    throw invalid(`modules[${JSON.stringify(name)}]`, "is Python, which isolates do not run; use a sandbox for it")
  }
}

function checkEnvSize(env: Readonly<Record<string, unknown>>): void {
  const size = bindEnv(env).encoded.length
  if (size > maxEnvBytes) throw invalid("env", `takes ${size} bytes; the limit is ${maxEnvBytes}`)
}

/** The lower of each limit wins: an entrypoint can only be stricter than its worker. */
export function lowerLimits(first: Partial<Limits> = {}, second: Partial<Limits> = {}): Partial<Limits> {
  const lower: Record<string, number | null> = { ...first }
  for (const [name, value] of Object.entries(second)) {
    const other = lower[name]
    lower[name] = typeof other === "number" && (value === null || value > other) ? other : value
  }
  return lower as Partial<Limits>
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
