import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { parseEnv } from "node:util"
import { invalid } from "./command-error.ts"
import { readTextFile } from "./read-text-file.ts"

export interface VarFlags {
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
}

const namePattern = /^[A-Za-z_]\w*$/

/** The files that a served worker's variables come from: without --env-file, `.dev.vars` as with wrangler, beside the worker or in the current folder. */
export function varFiles(worker: string, flags: VarFlags): readonly string[] {
  return flags.envFile?.map((file) => resolve(file)) ?? devVars(worker)
}

/** `--env` over files, later ones over earlier ones. Throws `input.invalid`. */
export function readWorkerVars(worker: string, flags: VarFlags): Readonly<Record<string, string>> {
  const vars = Object.create(null) as Record<string, string>
  for (const file of varFiles(worker, flags)) Object.assign(vars, parseEnv(readTextFile("--env-file", file)))
  for (const given of flags.env ?? []) {
    const [name, value] = parseVar(given)
    vars[name] = value
  }
  return vars
}

function devVars(worker: string): string[] {
  const candidates = [join(dirname(resolve(worker)), ".dev.vars"), resolve(".dev.vars")]
  return candidates.filter((file) => existsSync(file)).slice(0, 1)
}

function parseVar(given: string): [name: string, value: string] {
  const [name = ""] = given.split("=", 1)
  if (!namePattern.test(name))
    throw invalid("--env", `must be NAME=VALUE, or NAME for a variable of this shell, not "${name}"`)
  if (given.length > name.length) return [name, given.slice(name.length + 1)]
  const inherited = process.env[name]
  if (inherited === undefined) throw invalid("--env", `${name} has no value here: write ${name}=VALUE`)
  return [name, inherited]
}
