import { posix } from "node:path"
import { MayflyError, type NetworkPolicy, type SandboxLimits, type SandboxSettings } from "@mayfly/protocol"
import { parseSandboxLimits } from "./sandbox-limits.ts"
import type { Sandboxes } from "./sandboxes.ts"

/** Where sandboxes are kept: a platform, or what stands for one. */
export interface SandboxPlatform {
  readonly env: { readonly SANDBOX: Sandboxes }
}

export interface SandboxOptions extends SandboxSettings {
  readonly platform?: SandboxPlatform
}

export interface ParsedSandboxOptions {
  readonly id: string | undefined
  readonly limits: SandboxLimits
  readonly network: NetworkPolicy
  readonly env: Readonly<Record<string, string>>
  readonly from: string | undefined
  readonly sleepAfterMs: number | null
  readonly tenant: string
  readonly provider: string | undefined
}

const known = ["id", "limits", "network", "env", "from", "sleepAfter", "tenant", "provider", "platform"]
/** Names that a preview URL or an API might use for itself, as at Cloudflare. */
const reservedIds = ["www", "api", "admin", "root", "system", "cloudflare", "workers"]
const defaultSleepMs = 600_000
const maxVariables = 1_000
const maxVariableBytes = 100_000
const maxPathLength = 4_096

/** Checks untrusted options and fills in defaults. Throws `input.invalid` naming the field. */
export function parseSandboxOptions(options: SandboxOptions): ParsedSandboxOptions {
  if (typeof options !== "object" || options === null) throw invalid("options", "must be an object")
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw invalid(name, `is not an option of a sandbox; the options are ${known.join(", ")}`)
  const { id, network = {}, env, from, tenant, provider, sleepAfter } = options
  if (provider !== undefined && typeof provider !== "string") throw invalid("provider", "must be the name of one")
  return {
    id: id === undefined ? undefined : parseSandboxId(id),
    limits: parseSandboxLimits(options.limits),
    network: parseNetwork(network),
    env: parseVariables(env === undefined ? {} : env, "env"),
    from: from === undefined ? undefined : parseFrom(from),
    sleepAfterMs: parseDuration(sleepAfter, defaultSleepMs),
    tenant: parseTenant(tenant),
    provider,
  }
}

/** Only that it is an object; what it says is checked by the way out. */
export function parseNetwork(network: unknown): NetworkPolicy {
  if (typeof network === "object" && network !== null && !Array.isArray(network)) return network
  throw invalid("network", "must be an object")
}

export function parseTenant(tenant: unknown = "default"): string {
  if (typeof tenant === "string" && /^[\w.:-]{1,128}$/.test(tenant)) return tenant
  throw invalid("tenant", "must be up to 128 letters, digits or any of ._:-")
}

export function parseSandboxId(id: unknown): string {
  if (typeof id !== "string" || !/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(id))
    throw invalid("id", "must be up to 63 lower-case letters, digits and hyphens, no hyphen first or last")
  if (reservedIds.includes(id)) throw invalid("id", `"${id}" is reserved`)
  return id
}

/** Throws for names and values that no process could be given. */
export function parseVariables(given: unknown, path: string): Readonly<Record<string, string>> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw invalid(path, "must be an object")
  const entries = Object.entries(given)
  if (entries.length > maxVariables) throw invalid(path, `may hold ${maxVariables} variables`)
  for (const [name, value] of entries) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,255}$/.test(name))
      throw invalid(path, `has the name ${JSON.stringify(name.slice(0, 60))}, which is none of a variable`)
    if (name.startsWith("MAYFLY_")) throw invalid(`${path}.${name}`, "is reserved")
    if (typeof value !== "string" || value.includes("\0") || value.length > maxVariableBytes)
      throw invalid(`${path}.${name}`, `must be a string without NUL, at most ${maxVariableBytes} characters`)
  }
  return Object.fromEntries(entries) as Record<string, string>
}

/** A path inside the sandbox; relative ones are below /workspace. */
export function parsePath(path: unknown, name = "path", base = "/workspace"): string {
  if (typeof path !== "string" || path === "" || path.includes("\0") || path.length > maxPathLength)
    throw invalid(name, `must be a path of 1 to ${maxPathLength} characters without NUL`)
  return posix.resolve(base, path)
}

export function parsePort(port: unknown): number {
  if (typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw invalid("port", "must be a whole number from 1 to 65535")
}

/** `null` lifts it. */
export function parseTimeout(timeoutMs: unknown, name = "timeoutMs"): number | null {
  if (timeoutMs === undefined || timeoutMs === null) return null
  if (typeof timeoutMs === "number" && timeoutMs >= 1 && timeoutMs <= 2_147_483_647) return Math.ceil(timeoutMs)
  throw invalid(name, "must be milliseconds, from 1 to 2147483647")
}

export function checkSignal(signal: unknown): void {
  if (typeof signal !== "string" || !/^SIG[A-Z0-9]{2,8}$/.test(signal))
    throw invalid("signal", 'must be the name of one, such as "SIGTERM"')
}

function parseFrom(from: unknown): string {
  const id = typeof from === "object" && from !== null ? (from as { id?: unknown }).id : from
  if (typeof id === "string" && /^[a-z0-9-]{1,64}$/.test(id)) return id
  throw invalid("from", "must be a snapshot or the id of one")
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function parseDuration(given: unknown, fallback: number): number | null {
  if (given === undefined) return fallback
  if (given === null) return null
  const [, count, unit] = (typeof given === "string" ? /^(\d+)\s*(ms|s|m|h|d)$/.exec(given) : null) ?? []
  const ms = typeof given === "number" ? given : Number(count) * (unitMs[unit ?? ""] ?? Number.NaN)
  if (Number.isInteger(ms) && ms >= 10 && ms <= 2_147_483_647) return ms
  throw invalid("sleepAfter", 'must be milliseconds or a text such as "10m", at least 10 ms, or null')
}

export function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
