import { setTimeout as delay } from "node:timers/promises"
import { directoryOwner } from "@mayfly/store"
import type { Command, Option } from "commander"
import type { Api } from "./api.ts"
import type { ApiFlags } from "./api-options.ts"
import { apiPlace } from "./api-place.ts"
import { ownerApi, serverApi } from "./http-api.ts"
import { listProfiles } from "./profiles.ts"

/** What may stand where somebody types, and what it means. */
export type Candidate = readonly [word: string, meaning: string]

/** Who presses Tab waits no longer for a server. */
const patienceMs = 1_500
const maxIds = 100

/**
 * What may follow in a command line, `words` without the program's name; the last one is being typed, and may be empty. Nothing where files are meant.
 * Names and ids come from a server that runs: to start what would be needed without one takes too long. Never rejects.
 */
export async function complete(program: Command, words: readonly string[]): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? ""
  const line = readLine(program, words.slice(0, -1))
  const all = await candidates(line, typed).catch((): Candidate[] => [])
  return all.filter(([word]) => word.startsWith(typed) && /^[\w@%+=:,./-]+$/.test(word))
}

/** A command line up to the word that is typed. */
interface Line {
  readonly command: Command
  readonly path: string
  /** How many arguments of the command stand there. */
  readonly count: number
  /** The option whose value is typed. */
  readonly option: Option | undefined
  readonly flags: ApiFlags
}

function readLine(program: Command, words: readonly string[]): Line {
  let [command, path, count]: [Command, string, number] = [program, "", 0]
  let option: Option | undefined
  const flags: Record<string, string> = {}
  for (const word of words) {
    if (option !== undefined) {
      flags[option.attributeName()] = word
      option = undefined
      continue
    }
    const next = command.commands.find((child) => child.name() === word)
    if (word.startsWith("-"))
      option = command.options.find(({ short, long, required }) => required && (word === short || word === long))
    else if (next === undefined) count++
    else [command, path] = [next, `${path} ${word}`.trim()]
  }
  return { command, path, count, option, flags }
}

async function candidates({ command, path, count, option, flags }: Line, typed: string): Promise<readonly Candidate[]> {
  if (option !== undefined) return option.long === "--profile" ? listProfiles().map((name) => [name, ""]) : []
  if (typed.startsWith("-")) return [...command.options.flatMap(optionWord), ["--help", "show options and examples"]]
  if (command.commands.length > 0) return command.commands.map((child) => [child.name(), child.summary()])
  const argument = command.registeredArguments[count]
  if (argument?.argChoices !== undefined) return argument.argChoices.map((choice) => [choice, ""])
  if (argument?.name() === "PROFILE") return listProfiles().map((name) => [name, ""])
  const list = lists[path.split(" ")[0] ?? ""]
  if (count > 0 || list === undefined || !named.has(argument?.name() ?? "") || path.endsWith(" create")) return []
  return listed(list, flags)
}

function optionWord({ long, hidden, description }: Option): readonly Candidate[] {
  return long === undefined || hidden ? [] : [[long, description.split("\n")[0] ?? ""]]
}

/** Arguments that name something which a list of the API holds. */
const named = new Set(["ID", "NAME", "FROM"])

interface List {
  readonly path: string
  readonly key: string
  readonly field: string
}

const lists: Readonly<Record<string, List>> = {
  approvals: { path: "/v1/approvals?status=pending", key: "approvals", field: "id" },
  keys: { path: "/v1/keys?", key: "keys", field: "id" },
  runs: { path: "/v1/runs?", key: "runs", field: "id" },
  sandbox: { path: "/v1/sandboxes?", key: "sandboxes", field: "id" },
  secrets: { path: "/v1/secrets?", key: "secrets", field: "name" },
  tenants: { path: "/v1/tenants?", key: "tenants", field: "id" },
  worker: { path: "/v1/workers?", key: "workers", field: "name" },
  workflow: { path: "/v1/workflows?", key: "workflows", field: "id" },
}

async function listed({ path, key, field }: List, flags: ApiFlags): Promise<readonly Candidate[]> {
  const api = runningApi(flags)
  if (api === undefined) return []
  const tenant = flags.tenant === undefined ? "" : `&tenant=${encodeURIComponent(flags.tenant)}`
  const asked = api.call("GET", `${path}&limit=${maxIds}${tenant}`) as Promise<Record<string, unknown>>
  const page = await Promise.race([asked, delay(patienceMs, undefined, { ref: false })])
  const rows = (page?.[key] ?? []) as readonly Record<string, unknown>[]
  return rows.slice(0, maxIds).map((row) => [wordOf(row[field]), wordOf(row["status"])])
}

function wordOf(value: unknown): string {
  return typeof value === "string" ? value : ""
}

function runningApi(flags: ApiFlags): Api | undefined {
  const place = apiPlace(flags)
  if (place.kind === "server") return serverApi(place.url, place.key)
  const owner = directoryOwner(place.path)
  return owner === undefined ? undefined : ownerApi(place.path, owner.pid)
}
