import { MayflyError } from "@mayfly/protocol"
import { closestName } from "./closest-name.ts"
import type { ConfigFile } from "./config-file.ts"
import { type Setting, settingList } from "./setting-list.ts"
import { type Settings, settingsSchema } from "./settings.ts"

export interface SettingSources {
  /** Values of settings by name: a text or texts where the flag gives those. Undefined ones were not given. */
  readonly flags: Readonly<Record<string, unknown>>
  /** NAME=VALUE, of `--set`. */
  readonly set?: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly file?: ConfigFile | undefined
}

export interface EffectiveSettings {
  readonly settings: Settings
  /** Where each setting's value came from: "--port", "MAYFLY_PORT", "mayfly.config.json", "default". */
  readonly sources: ReadonlyMap<string, string>
}

interface Given {
  readonly value: unknown
  readonly source: string
}

/** Variables that are no settings of `mayfly serve`: of the command line, of tests, of the processes that we start. */
const otherVariables = new Set([
  "MAYFLY_CONFIG",
  "MAYFLY_SECRETS_KEY",
  "MAYFLY_SEED",
  "MAYFLY_FULL",
  "MAYFLY_URL",
  "MAYFLY_KEY",
  "MAYFLY_TENANT",
  "MAYFLY_PROFILE",
  "MAYFLY_HOME",
])
const maxShown = 200

/** What is in force: flags over variables over the file over defaults. Throws `input.invalid` that names every setting that is wrong, where it was set, and what it may be. */
export function readSettings(given: SettingSources): EffectiveSettings {
  const problems: string[] = []
  const byName = new Map(settingList.map((setting) => [setting.name, setting]))
  const file = flatten(given.file?.values ?? {}, byName)
  for (const name of file.keys())
    if (!byName.has(name)) problems.push(unknown(`"${name}" in ${given.file?.path ?? ""}`, name, byName.keys()))
  problems.push(...unknownVariables(given.environment))
  const set = parseSet(given.set ?? [], byName, problems)
  const sources = new Map<string, string>()
  const values: Record<string, unknown> = {}
  for (const setting of settingList) {
    const found = candidate(setting, { ...given, set, fileValues: file })
    sources.set(setting.name, found?.source ?? "default")
    if (found === undefined) continue
    const problem = put(values, setting, found)
    if (problem !== undefined) problems.push(problem)
  }
  const [first] = problems
  if (first !== undefined)
    throw new MayflyError("input.invalid", problems.join("; "), { details: { path: "config", problems } })
  return { settings: settingsSchema.parse(withSections(values)), sources }
}

function candidate(
  { name, flag, variable }: Setting,
  {
    flags,
    set,
    environment,
    fileValues,
    file,
  }: Omit<SettingSources, "set"> & {
    readonly set: ReadonlyMap<string, string>
    readonly fileValues: ReadonlyMap<string, unknown>
  },
): Given | undefined {
  if (flags[name] !== undefined) return { value: fromTexts(flags[name]), source: flag ?? "a flag" }
  const one = set.get(name)
  if (one !== undefined) return { value: new Text(one), source: `--set ${name}` }
  const text = environment[variable]
  // Deploy tools pass empty variables for what was left out.
  if (text !== undefined && text !== "") return { value: new Text(text), source: variable }
  if (fileValues.has(name)) return { value: fileValues.get(name), source: file?.path ?? "file" }
  return undefined
}

/** A value that has to be read from text: of a flag or a variable. */
class Text {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

function fromTexts(value: unknown): unknown {
  return typeof value === "string" ? new Text(value) : value
}

/** Stores the value, or says what is wrong with it. */
function put(values: Record<string, unknown>, setting: Setting, { value, source }: Given): string | undefined {
  const read = value instanceof Text ? readText(value.text, setting) : value
  const parsed = setting.schema.safeParse(read)
  if (!parsed.success) return wrong(setting, source, value instanceof Text ? value.text : value)
  const path = setting.name.split(".")
  const last = path.pop() ?? ""
  let section = values
  for (const key of path) section = (section[key] ??= {}) as Record<string, unknown>
  section[last] = parsed.data
  return undefined
}

/** Sections that nobody mentioned have defaults too. */
function withSections(values: Record<string, unknown>): Record<string, unknown> {
  const sections = settingList.filter(({ name }) => name.includes(".")).map(({ name }) => name.split(".")[0] ?? "")
  return { ...Object.fromEntries(sections.map((name) => [name, {}])), ...values }
}

function readText(text: string, { type }: Setting): unknown {
  if (type.startsWith("a list"))
    return text.trim().startsWith("[") ? json(text) : text.split(",").map((part) => part.trim())
  if (type.startsWith("an object")) return json(text)
  if (type.startsWith("a text") || type.startsWith("an http")) return text
  if (text === "null" || text === "true" || text === "false") return json(text)
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function wrong({ name, type, secret, flag, variable }: Setting, source: string, value: unknown): string {
  const setting =
    source === flag || source === variable || source.startsWith("--set") ? source : `"${name}" in ${source}`
  if (secret === true) return `${setting} must be ${type}; what it is is not shown`
  return `${setting} must be ${type}, not ${(JSON.stringify(value) ?? "undefined").slice(0, maxShown)}`
}

function unknown(what: string, name: string, names: Iterable<string>): string {
  const meant = closestName(name, names)
  return `${what} is not a setting${meant === undefined ? "" : `; did you mean "${meant}"?`}`
}

function unknownVariables(environment: SettingSources["environment"]): string[] {
  const known = new Set(settingList.map(({ variable }) => variable))
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith("MAYFLY_") && value !== undefined && value !== "")
    .filter(([name]) => !known.has(name) && !otherVariables.has(name) && !name.startsWith("MAYFLY_TEST_"))
    .map(([name]) => unknown(name, name, known))
}

function parseSet(
  pairs: readonly string[],
  byName: ReadonlyMap<string, Setting>,
  problems: string[],
): Map<string, string> {
  const set = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.indexOf("=")
    const name = at === -1 ? pair : pair.slice(0, at)
    if (!byName.has(name)) problems.push(unknown(`"${name.slice(0, maxShown)}" of --set`, name, byName.keys()))
    else if (at === -1) problems.push(`--set ${name} needs a value: --set ${name}=VALUE`)
    else set.set(name, pair.slice(at + 1))
  }
  return set
}

/** Nested sections as dotted names. An object that is a setting stays whole. */
function flatten(
  values: Readonly<Record<string, unknown>>,
  byName: ReadonlyMap<string, Setting>,
): Map<string, unknown> {
  const flat = new Map<string, unknown>()
  const sections = new Set([...byName.keys()].filter((name) => name.includes(".")).map((name) => name.split(".")[0]))
  for (const [key, value] of Object.entries(values)) {
    // The usual key of editors, which find the setting's types by it.
    if (key === "$schema") continue
    if (!sections.has(key) || typeof value !== "object" || value === null || Array.isArray(value)) flat.set(key, value)
    else for (const [inner, one] of Object.entries(value)) flat.set(`${key}.${inner}`, one)
  }
  return flat
}
