import { type Limits, MayflyError, type NetworkPolicy, parseLimits } from "@mayfly/protocol"
import type { Platform } from "../platform.ts"

/** Where and within what generated code runs. */
export interface CodeModeOptions {
  /** Default: one platform for the process, made on first use. */
  readonly platform?: Pick<Platform, "runtime">
  readonly limits?: Partial<Limits>
  /** Default: nothing can be reached but the tools. */
  readonly network?: NetworkPolicy
  readonly tenant?: string
  /** From the moment the code has its isolate, waiting for tools included. Default `limits.wallMs`, or else 60,000. */
  readonly timeoutMs?: number
  /** Whether the code is checked against the tools' declarations before it runs. Needs the package `typescript`. Default false. */
  readonly typecheck?: boolean
}

export interface CodeModeSettings extends CodeModeOptions {
  readonly limits: Partial<Limits>
  readonly typecheck: boolean
}

const defaultTimeoutMs = 60_000
const known = ["platform", "limits", "network", "tenant", "timeoutMs", "typecheck"]

/** Checks the options and fills in the time limit. Throws `input.invalid`. The network policy and the tenant are checked with the first run. */
export function parseCodeModeOptions(options: CodeModeOptions, others: readonly string[] = []): CodeModeSettings {
  const names = [...known, ...others]
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw invalid(name, `is not an option; the options are ${names.join(", ")}`)
  }
  const { platform, limits = {}, network, tenant, timeoutMs, typecheck = false } = options
  if (typeof typecheck !== "boolean") throw invalid("typecheck", "must be true or false")
  if (timeoutMs !== undefined) parseLimits({ wallMs: timeoutMs }, undefined, "timeoutMs")
  const wallMs = timeoutMs ?? (limits.wallMs === undefined ? defaultTimeoutMs : limits.wallMs)
  const given = { ...limits, wallMs }
  parseLimits(given)
  return {
    limits: given,
    typecheck,
    ...(platform === undefined ? {} : { platform }),
    ...(network === undefined ? {} : { network }),
    ...(tenant === undefined ? {} : { tenant }),
  }
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
