import { boundedText, isLoopback, jsonLine, MayflyError } from "@mayfly/protocol"
import { askSecret } from "./ask-secret.ts"
import { exitCodes, invalid, reportFailure } from "./command-error.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { isKey } from "./is-key.ts"
import { serverApi } from "./http-api.ts"
import type { Output } from "./output.ts"
import { printTable } from "./print-table.ts"
import { checkProfileName, listProfiles, readProfile, removeProfile, writeProfile } from "./profiles.ts"
import { safeLine } from "./safe-line.ts"
import { serverUrl } from "./server-url.ts"
import { whileSpinning } from "./spinner.ts"

export interface LoginFlags {
  readonly key?: string
  readonly name?: string
  readonly json?: boolean
}

const maxAnswer = 65_536

/** As `GET /v1/keys/self` tells it. */
interface OwnKey {
  readonly scopes: readonly string[]
  readonly tenant: string | null
  readonly expiresAt: number | null
}

/** `mayfly login URL`: keeps a key that the server has taken. Gives the exit code; never rejects. */
export async function loginCommand(text: string, flags: LoginFlags, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    const url = serverUrl(text, "URL")
    const name = checkProfileName(flags.name ?? url.host.replaceAll(/[^\w.-]+/g, "-").replace(/^-+/, ""), "--name")
    if (url.protocol === "http:" && !isLoopback(url.hostname))
      output.stderr.write(
        "warning: the key goes to this server in the clear; use https outside of networks you trust\n",
      )
    const key = await givenKey(flags, output)
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    if (!isKey(key)) throw invalid("--key", "is missing, or is no key: it looks like mf_…")
    const { scopes, tenant, expiresAt } = await checkedKey(url, key, { output, signal: interrupts.signal })
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    writeProfile({ name, url: url.origin, key })
    if (flags.json === true) output.stdout.write(jsonLine({ name, url: url.origin, scopes, tenant, expiresAt }))
    else output.stdout.write(`${safeLine(`logged in to ${url.origin} (${scopes.join(", ")})`)}\n${advice(name)}\n`)
    return exitCodes.ok
  } catch (error) {
    return interrupts.exitCode ?? reportFailure(error, flags, output)
  }
}

/** `mayfly logout NAME`. Gives the exit code; never rejects. */
export function logoutCommand(name: string, flags: LoginFlags, output: Output): number {
  try {
    if (!removeProfile(checkProfileName(name, "NAME"))) readProfile(name, "NAME")
    if (flags.json === true) output.stdout.write(jsonLine({ ok: true }))
    return exitCodes.ok
  } catch (error) {
    return reportFailure(error, flags, output)
  }
}

/** `mayfly profiles`. Gives the exit code; never rejects. */
export function profilesCommand({ json }: LoginFlags, output: Output): number {
  const chosen = process.env["MAYFLY_PROFILE"]
  const all = listProfiles().map((name) => ({ name, ...described(name), isDefault: name === chosen }))
  if (json === true) for (const one of all) output.stdout.write(jsonLine(one))
  else
    printTable(
      ["name", "server", ""],
      all.map(({ name, url, problem, isDefault }) => [name, url ?? problem ?? "", isDefault ? "MAYFLY_PROFILE" : ""]),
      output,
    )
  return exitCodes.ok
}

/** Never its key. */
function described(name: string): { readonly url?: string; readonly problem?: string } {
  try {
    return { url: readProfile(name, "the profile").url }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

function advice(name: string): string {
  return `use it with --profile ${name}, or set MAYFLY_PROFILE=${name}`
}

async function givenKey({ key }: LoginFlags, output: Output): Promise<string> {
  if (key !== undefined && key !== "-") return key
  return (process.env["MAYFLY_KEY"] ?? "") !== "" && key === undefined
    ? (process.env["MAYFLY_KEY"] ?? "")
    : askSecret("key: ", output)
}

const patienceMs = 30_000

async function checkedKey(
  url: URL,
  key: string,
  { output, signal }: { readonly output: Output; readonly signal: AbortSignal },
): Promise<OwnKey> {
  await using api = serverApi(url, key)
  const patience = AbortSignal.timeout(patienceMs)
  const asked = { accept: "application/json", signal: AbortSignal.any([signal, patience]) }
  const answer = await whileSpinning(`asking ${url.origin}`, output, async () =>
    boundedText(await api.stream("GET", "/v1/keys/self", asked), maxAnswer),
  ).catch((error: unknown) => {
    if (!patience.aborted) throw error
    throw new MayflyError("server.unreachable", `${url.origin} did not answer within ${patienceMs / 1_000} seconds`)
  })
  const { scopes, tenant, expiresAt } = parseAnswer(answer)
  if (!Array.isArray(scopes)) throw invalid("URL", "is no server of Mayfly's")
  return { scopes: scopes.map(String), tenant: tenant ?? null, expiresAt: expiresAt ?? null }
}

function parseAnswer(text: string): Partial<OwnKey> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<OwnKey>
  } catch {
    return {}
  }
}
