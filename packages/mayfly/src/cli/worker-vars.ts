import { existsSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { parseEnv } from "node:util"
import { invalid } from "./command-error.ts"

export interface VarFlags {
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
}

/** The variables of a served worker, and the files that they come from. */
export interface WorkerVars {
  readonly vars: Readonly<Record<string, string>>
  readonly files: readonly string[]
}

const namePattern = /^[A-Za-z_]\w*$/

/**
 * `--env` over `--env-file`, later ones over earlier ones. Without --env-file, `.dev.vars` beside the worker or in the current folder, as wrangler has it.
 * Throws `input.invalid`.
 */
export function readWorkerVars(worker: string, flags: VarFlags): WorkerVars {
  const files = flags.envFile?.map((file) => resolve(file)) ?? devVars(worker)
  const vars = Object.create(null) as Record<string, string>
  for (const file of files) Object.assign(vars, parseEnv(readVarFile(file)))
  for (const given of flags.env ?? []) {
    const [name, value] = parseVar(given)
    vars[name] = value
  }
  return { vars, files }
}

function devVars(worker: string): string[] {
  const candidates = [join(dirname(resolve(worker)), ".dev.vars"), resolve(".dev.vars")]
  return candidates.filter((file) => existsSync(file)).slice(0, 1)
}

function readVarFile(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    throw invalid("--env-file", `"${file}" can't be read: ${(error as Error).message}`)
  }
}

function parseVar(given: string): [name: string, value: string] {
  const [name = ""] = given.split("=", 1)
  if (!namePattern.test(name)) throw invalid("--env", `must be NAME=VALUE, or NAME for a variable of this shell, not "${name}"`)
  if (given.length > name.length) return [name, given.slice(name.length + 1)]
  const inherited = process.env[name]
  if (inherited === undefined) throw invalid("--env", `${name} has no value here: write ${name}=VALUE`)
  return [name, inherited]
}
