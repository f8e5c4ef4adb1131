import type { DynamicWorkerOptions } from "@mayfly/platform"
import { parseRequest, type Program } from "@mayfly/server"
import { invalid } from "./command-error.ts"
import { readJsonOption, readPlainJsonOption } from "./read-json-option.ts"
import type { NetworkFlags, RunNetwork } from "./run-network.ts"

/** The options of `mayfly run` as commander gives them. */
export interface RunFlags extends NetworkFlags {
  readonly input?: string
  readonly env?: string
  readonly request?: string
  readonly cpu?: string
  readonly memory?: string
  readonly wall?: string
  readonly language?: string
  readonly tenant?: string
  readonly url?: string
  readonly profile?: string
  readonly json?: boolean
  readonly watch?: boolean
  readonly plan?: boolean
  readonly yes?: boolean
  readonly color: boolean
}

/** What the flags say of a program, all but its text. Throws `input.invalid`; the library checks names and ranges. */
export function parseRunFlags(
  flags: RunFlags,
  { network, placeholders }: RunNetwork,
): Omit<Program, "options"> & { options: DynamicWorkerOptions } {
  const { language, tenant } = flags
  const env = { ...placeholders, ...readEnv(flags.env) }
  const options: DynamicWorkerOptions = {
    limits: parseLimitFlags(flags),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    network,
    ...(language === undefined ? {} : { language: language as NonNullable<DynamicWorkerOptions["language"]> }),
    ...(tenant === undefined ? {} : { tenant }),
  }
  return { options, call: parseCall(flags) }
}

function readEnv(env: string | undefined): Record<string, unknown> {
  if (env === undefined) return {}
  const value = readJsonOption("--env", env)
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid("--env", "must be an object")
}

function parseCall({ input, request }: RunFlags): Program["call"] {
  if (request === undefined)
    return { kind: "run", input: input === undefined ? undefined : readJsonOption("--input", input) }
  if (input !== undefined) throw invalid("--input", "can't be given together with --request")
  return { kind: "fetch", request: parseRequest(readPlainJsonOption("--request", request), "--request") }
}

/** Throws `input.invalid`; the library checks ranges. */
export function parseLimitFlags({
  cpu,
  memory,
  wall,
}: Pick<RunFlags, "cpu" | "memory" | "wall">): NonNullable<DynamicWorkerOptions["limits"]> {
  return {
    ...(cpu === undefined ? {} : { cpuMs: parseMilliseconds("--cpu", cpu) }),
    ...(memory === undefined ? {} : { memoryMb: parseNumber("--memory", memory) }),
    ...(wall === undefined ? {} : { wallMs: parseMilliseconds("--wall", wall) }),
  }
}

function parseMilliseconds(option: string, text: string): number | null {
  return text === "none" ? null : parseNumber(option, text)
}

function parseNumber(option: string, text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text)
  throw invalid(option, `must be a number${option === "--memory" ? "" : ' or "none"'}, not "${text}"`)
}
