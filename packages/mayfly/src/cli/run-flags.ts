import type { DynamicWorkerOptions } from "@mayfly/platform"
import { parseRequest, taggedValue } from "@mayfly/server/parse"
import type { Program } from "@mayfly/server/program"
import { invalid } from "./command-error.ts"
import { readJsonOption } from "./read-json-option.ts"
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

/** What the flags say of a program, all but its text. */
export interface ParsedRun {
  readonly options: DynamicWorkerOptions
  readonly call: Program["call"]
  /** JSON as it was given, for who passes it on. */
  readonly json: { readonly input?: unknown; readonly env?: unknown; readonly request?: unknown }
}

/** Reads what the flags name, once: a file may be a pipe. Throws `input.invalid`; the library checks names and ranges. */
export function parseRunFlags(flags: RunFlags, { network, placeholders }: RunNetwork): ParsedRun {
  const { language, tenant } = flags
  if (flags.request !== undefined && flags.input !== undefined)
    throw invalid("--input", "can't be given together with --request")
  const json = {
    ...(flags.input === undefined ? {} : { input: readJsonOption("--input", flags.input) }),
    ...(flags.env === undefined ? {} : { env: readJsonOption("--env", flags.env) }),
    ...(flags.request === undefined ? {} : { request: readJsonOption("--request", flags.request) }),
  }
  const env = { ...placeholders, ...asEnv(json.env) }
  const options: DynamicWorkerOptions = {
    limits: parseLimitFlags(flags),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    network,
    ...(language === undefined ? {} : { language: language as NonNullable<DynamicWorkerOptions["language"]> }),
    ...(tenant === undefined ? {} : { tenant }),
  }
  const call: Program["call"] =
    json.request === undefined
      ? { kind: "run", input: taggedValue(json.input, "--input") }
      : { kind: "fetch", request: parseRequest(json.request, "--request") }
  return { options, call, json }
}

function asEnv(json: unknown): Record<string, unknown> {
  const value = json === undefined ? {} : taggedValue(json, "--env")
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid("--env", "must be an object")
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
