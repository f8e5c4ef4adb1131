import { randomBytes } from "node:crypto"
import type { NetworkPolicy, OriginRule } from "@mayfly/protocol"
import { invalid } from "./command-error.ts"
import { readJsonOption } from "./read-json-option.ts"
import { readTextFile } from "./read-text-file.ts"

export interface NetworkFlags {
  readonly allow?: readonly string[]
  readonly policy?: string
  readonly secret?: readonly string[]
  readonly learn?: boolean
}

/** What a program may reach, with which credentials. */
export interface RunNetwork {
  readonly network: NetworkPolicy
  readonly secrets: Readonly<Record<string, string>>
  /** What the program gets in place of each secret: worth nothing but where `--allow` says. */
  readonly placeholders: Readonly<Record<string, string>>
}

/** Reads --allow, --policy, --secret and --learn. Throws `input.invalid`. */
export function parseNetworkFlags({ allow = [], policy, secret = [], learn = false }: NetworkFlags): RunNetwork {
  const secrets = Object.fromEntries(secret.map(readSecret))
  const placeholders = Object.fromEntries(Object.keys(secrets).map((name) => [name, placeholderOf(name)]))
  const swaps = Object.fromEntries(Object.entries(placeholders).map(([name, text]) => [text, { secret: name }]))
  const rules = allow.map((origin): OriginRule => (secret.length === 0 ? { origin } : { origin, placeholders: swaps }))
  const given = policy === undefined ? {} : (readJsonOption("--policy", `@${policy}`) as NetworkPolicy)
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw invalid("--policy", "is not an object")
  const allowedOrigins = [...(given.allowedOrigins ?? []), ...rules]
  const network = { ...given, ...(allowedOrigins.length === 0 ? {} : { allowedOrigins }) }
  return { network: learn ? { ...network, defaultPolicy: "allow" } : network, secrets, placeholders }
}

/** Looks like a key to an SDK, and like nothing else. */
function placeholderOf(name: string): string {
  return `sk-mayfly-${name}-${randomBytes(6).toString("hex")}`
}

/** NAME takes it from the environment, NAME=@file from a file, NAME=VALUE is seen by other users of the machine. */
function readSecret(text: string): readonly [string, string] {
  const [, name = "", , value] = /^([^=]+)(=(.*))?$/s.exec(text) ?? []
  if (name === "") throw invalid("--secret", "must be NAME, NAME=@file or NAME=VALUE")
  if (value === undefined) {
    const found = process.env[name]
    if (found === undefined || found === "")
      throw invalid("--secret", `names "${name}", which is not in the environment`)
    return [name, found]
  }
  if (!value.startsWith("@")) return [name, value]
  return [name, readTextFile("--secret", value.slice(1)).replace(/\r?\n$/, "")]
}
