import { availableParallelism } from "node:os"
import { resolve } from "node:path"
import { checkSecret } from "@mayfly/mesh"
import {
  type Limits,
  MayflyError,
  type NetworkPolicy,
  parseLimits,
  type TenantBudget,
  type TenantQuota,
} from "@mayfly/protocol"
import { parseTenant } from "@mayfly/runtime"
import { type HistoryOptions, type HistoryRules, parseHistory } from "./accounts/history-rules.ts"
import { parseBudget, parseQuota } from "./accounts/quota.ts"
import { type DockerOptions, providerNames } from "@mayfly/sandbox"
import { type DataDirectory, isDataDirectory } from "@mayfly/store"
import { parseWebhooks, type ParsedWebhook, type WebhookOptions } from "./webhooks/webhook-options.ts"

export interface PlatformOptions {
  /** Host processes, one CPU lane each. Default: the number of cores. */
  readonly hosts?: number
  /** Warm isolates per host process, about 1.5 MB each. Default 8. */
  readonly isolates?: number
  /** Whether one more host process stands ready to replace a dead one at once. Default true. */
  readonly spare?: boolean
  /** The network policy of workers that bring none. Default: nothing can be reached. */
  readonly network?: NetworkPolicy
  /** Limits of workers that name none. Default: those of docs/reference/limits.md. */
  readonly limits?: Partial<Limits>
  /**
   * Where the parts keep rows and files, the ledger among them; made when needed. One process owns it at a time: another gets `platform.data-dir-in-use`. One
   * that the caller has opened stays the caller's. Default: all stays in memory and ends with the platform.
   */
  readonly dataDir?: string | DataDirectory
  /** Runs whose callers hold stubs of theirs: how many one tenant may have (default 32), and how long one lasts that nobody calls (default 60,000). */
  readonly openRuns?: { readonly perTenant?: number; readonly idleMs?: number }
  /** Rows of the ledger that are older are forgotten. Default: never. */
  readonly retainLedgerMs?: number
  /** Secrets by name, for every tenant that has none of that name. Policies name them; programs never see them. */
  readonly secrets?: Readonly<Record<string, string>>
  /** Whether somebody answers what policies say to ask (`ask`). Default: when somebody listens with `approvals.onQuestion`. */
  readonly attended?: boolean
  /** Told of questions, decisions and secrets that came back; somebody who is told can be asked. At most 16. */
  readonly webhooks?: readonly WebhookOptions[]
  /** Facets: most bytes of each one's storage (default 1 GiB), and how long an unused one stays warm (default 60,000 ms). */
  readonly facets?: { readonly maxBytes?: number; readonly idleMs?: number }
  /** Tenants whose policies may open private addresses: services of this machine and its network. Default: all. */
  readonly privateTenants?: readonly string[] | "all"
  /** Of tenants that have none of their own. Default: not limited. */
  readonly quota?: TenantQuota
  readonly budget?: TenantBudget
  /** Which runs `platform.runs` remembers; false: those under way only. */
  readonly history?: HistoryOptions | false
  /** What holds sandboxes. */
  readonly sandboxes?: PlatformSandboxOptions
}

export interface PlatformSandboxOptions {
  /** Of sandboxes that name none: "bubblewrap" (default), "docker" or "virtual". */
  readonly provider?: string
  /** Others that tenants may name themselves, over HTTP for instance. Default none. */
  readonly offer?: readonly string[]
  /** Of the provider "docker": its socket, the image of sandboxes. */
  readonly docker?: DockerOptions
}

const known = [
  "hosts",
  "isolates",
  "spare",
  "network",
  "limits",
  "dataDir",
  "retainLedgerMs",
  "secrets",
  "attended",
  "webhooks",
  "openRuns",
  "facets",
  "quota",
  "budget",
  "history",
  "sandboxes",
  "privateTenants",
]

type Rest = Omit<PlatformOptions, "dataDir" | "retainLedgerMs" | "webhooks" | "history">
export type ParsedPlatformOptions = Required<Rest> &
  Pick<PlatformOptions, "dataDir" | "retainLedgerMs"> & {
    readonly webhooks: readonly ParsedWebhook[]
    readonly history: HistoryRules
  }

/** Checks untrusted options and fills in defaults. Throws `input.invalid`. */
export function parsePlatformOptions(options: PlatformOptions): ParsedPlatformOptions {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalid(name, `is not a platform option; the options are ${known.join(", ")}`)
  }
  const { hosts = availableParallelism(), isolates = 8, spare = true, network = {}, dataDir, retainLedgerMs } = options
  const { secrets = {}, attended = false, openRuns = {} } = options
  const facets = parseFacets(options.facets)
  const webhooks = parseWebhooks(options.webhooks)
  const sandboxes = parseSandboxes(options.sandboxes)
  checkCount("hosts", hosts, 1, 256)
  checkCount("isolates", isolates, 0, 1_000)
  if (typeof spare !== "boolean") throw invalid("spare", "must be true or false")
  if (typeof network !== "object" || network === null || Array.isArray(network))
    throw invalid("network", "must be an object")
  if (dataDir !== undefined && !isDataDirectory(dataDir) && (typeof dataDir !== "string" || dataDir === ""))
    throw invalid("dataDir", "must be the path of a folder")
  if (retainLedgerMs !== undefined) checkCount("retainLedgerMs", retainLedgerMs, 1, Number.MAX_SAFE_INTEGER)
  if (typeof attended !== "boolean") throw invalid("attended", "must be true or false")
  if (typeof secrets !== "object" || secrets === null) throw invalid("secrets", "must be an object")
  for (const [name, value] of Object.entries(secrets)) checkSecret(name, value)
  const rest = {
    ...(dataDir === undefined ? {} : { dataDir: typeof dataDir === "string" ? resolve(dataDir) : dataDir }),
    ...(retainLedgerMs === undefined ? {} : { retainLedgerMs }),
  }
  const { privateTenants = "all" } = options
  if (privateTenants !== "all" && !Array.isArray(privateTenants))
    throw invalid("privateTenants", 'must be "all" or a list of tenants')
  checkOpenRuns(openRuns)
  const limits = parseLimits(options.limits)
  const tenants = { quota: parseQuota(options.quota), budget: parseBudget(options.budget) }
  const history = parseHistory(options.history)
  return {
    ...tenants,
    history,
    hosts,
    isolates,
    spare,
    network,
    limits,
    secrets: { ...secrets },
    attended,
    webhooks,
    openRuns,
    facets,
    sandboxes,
    privateTenants: privateTenants === "all" ? privateTenants : privateTenants.map(parseTenant),
    ...rest,
  }
}

function checkOpenRuns(openRuns: PlatformOptions["openRuns"]): void {
  if (typeof openRuns !== "object" || openRuns === null) throw invalid("openRuns", "must be an object")
  for (const name of Object.keys(openRuns)) {
    if (name !== "perTenant" && name !== "idleMs")
      throw invalid(`openRuns.${name}`, "is not an option: there are perTenant and idleMs")
  }
  const { perTenant = 1, idleMs = 1 } = openRuns
  checkCount("openRuns.perTenant", perTenant, 1, 10_000)
  checkCount("openRuns.idleMs", idleMs, 1, 86_400_000)
}

function parseFacets(given: unknown): NonNullable<PlatformOptions["facets"]> {
  if (given === undefined) return {}
  if (typeof given !== "object" || given === null) throw invalid("facets", "must be an object")
  for (const [name, value] of Object.entries(given)) {
    if (name === "maxBytes") checkCount("facets.maxBytes", value, 65_536, 2 ** 40)
    else if (name === "idleMs") checkCount("facets.idleMs", value, 1, 86_400_000)
    else throw invalid(`facets.${name}`, "is not an option of facets; they are maxBytes, idleMs")
  }
  return given
}

function parseSandboxes(given: unknown): PlatformSandboxOptions {
  if (given === undefined) return {}
  if (typeof given !== "object" || given === null) throw invalid("sandboxes", "must be an object")
  for (const name of Object.keys(given))
    if (!["provider", "offer", "docker"].includes(name))
      throw invalid(`sandboxes.${name}`, "is not an option of sandboxes; they are provider, offer, docker")
  const { provider, offer, docker } = given as Readonly<Record<string, unknown>>
  if (provider !== undefined) checkProvider("sandboxes.provider", provider)
  if (offer !== undefined && !Array.isArray(offer)) throw invalid("sandboxes.offer", "must be a list of providers")
  for (const name of (offer ?? []) as unknown[]) checkProvider("sandboxes.offer", name)
  if (docker !== undefined) checkDocker(docker)
  return given
}

function checkProvider(path: string, name: unknown): void {
  if (typeof name !== "string" || !providerNames.includes(name))
    throw invalid(path, `must be of ${providerNames.join(", ")}`)
}

function checkDocker(docker: unknown): void {
  if (typeof docker !== "object" || docker === null) throw invalid("sandboxes.docker", "must be an object")
  for (const [name, value] of Object.entries(docker)) {
    if (!["socketPath", "image", "node"].includes(name))
      throw invalid(`sandboxes.docker.${name}`, "is not an option of it; they are socketPath, image, node")
    if (typeof value !== "string" || value === "") throw invalid(`sandboxes.docker.${name}`, "must be a text")
    if (name === "node" && value !== "host" && value !== "image")
      throw invalid("sandboxes.docker.node", 'must be "host" or "image"')
  }
}

function checkCount(name: string, value: unknown, min: number, max: number): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return
  throw invalid(name, `must be a whole number from ${min} to ${max}`)
}

function invalid(name: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${name} ${problem}`, { details: { path: name } })
}
