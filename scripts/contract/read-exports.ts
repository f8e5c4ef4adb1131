import { existsSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { parseSync } from "oxc-parser"

interface Declared {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly id?: { readonly name?: string } | null
  readonly extends?: readonly { readonly expression: { readonly name?: string } }[]
  readonly declaration?: Declared | null
  readonly declarations?: readonly Declared[]
}

interface Source {
  readonly path: string
  readonly text: string
  readonly body: readonly Declared[]
  /** By the name that it has outside: where it comes from (null: here) and what it is called there. */
  readonly exports: ReadonlyMap<string, { readonly from: string | null; readonly name: string }>
  /** Modules of which everything is exported. */
  readonly stars: readonly string[]
  readonly imports: ReadonlyMap<string, { readonly from: string; readonly name: string }>
}

/** What a package's declarations export: the text of each declaration by its name, without comments, the names in order. */
export function readExports(entry: string, packages: string): Map<string, string> {
  const found = new Map<string, string>()
  const context: Context = { sources: new Map(), packages, names: new Set() }
  const names = namesOf(entry, context)
  for (const name of [...names].sort()) found.set(name, declarationOf(entry, name, { ...context, names }))
  return found
}

interface Context {
  readonly sources: Map<string, Source>
  readonly packages: string
  /** All that is exported. */
  readonly names: ReadonlySet<string>
}

function namesOf(path: string, context: Context): Set<string> {
  const { exports, stars } = sourceAt(path, context)
  const below = stars.flatMap((from) => [...namesOf(locate(from, path, context), context)])
  return new Set([...exports.keys(), ...below])
}

function declarationOf(path: string, name: string, context: Context): string {
  const source = sourceAt(path, context)
  const given = source.exports.get(name)
  if (given === undefined) {
    const star = source.stars.map((from) => locate(from, path, context)).find((at) => namesOf(at, context).has(name))
    if (star === undefined) throw new Error(`"${path}" does not export ${name}`)
    return declarationOf(star, name, context)
  }
  const imported = given.from === null ? source.imports.get(given.name) : { from: given.from, name: given.name }
  if (imported === undefined) return wholeOf(source, given.name, context)
  const at = locateOrNull(imported.from, path, context)
  return at === null ? `${name} of ${imported.from}` : declarationOf(at, imported.name, context)
}

/** With what it has of interfaces that are not exported themselves: a change of theirs is one of its own. */
function wholeOf(source: Source, name: string, context: Context): string {
  const whole = declarationsOf(source, name).map((declared) => {
    const [head = "", ...rest] = tidy(source.text.slice(declared.start, declared.end)).split("\n")
    const bases = (declared.extends ?? []).flatMap(({ expression }) => expression.name ?? [])
    const hidden = bases.map((base) => ({
      base,
      text: context.names.has(base) ? undefined : baseOf(source, base, context),
    }))
    const named = hidden.flatMap(({ base, text }) => (text === undefined ? [base] : []))
    const lines = hidden.flatMap(({ text }) => text?.split("\n").slice(1, -1) ?? [])
    if (lines.length === 0) return [head, ...rest].join("\n")
    const shown = named.length === 0 ? " {" : ` extends ${named.join(", ")} {`
    return [head.replace(/ extends [^{]*\{/, shown), ...lines, ...rest].join("\n")
  })
  return whole.join("\n")
}

/** Undefined for one that is not ours. */
function baseOf(source: Source, name: string, context: Context): string | undefined {
  const imported = source.imports.get(name)
  if (imported === undefined) return isDeclared(source, name) ? wholeOf(source, name, context) : undefined
  const at = locateOrNull(imported.from, source.path, context)
  return at === null ? undefined : declarationOf(at, imported.name, context)
}

function isDeclared({ body }: Source, name: string): boolean {
  return body.some((statement) => (statement.declaration ?? statement).id?.name === name)
}

function declarationsOf({ body, path }: Source, name: string): readonly Declared[] {
  const declared = body.flatMap((statement) => {
    const inner = statement.declaration ?? statement
    const names = [inner.id?.name, ...(inner.declarations ?? []).map(({ id }) => id?.name)]
    return names.includes(name) ? [inner] : []
  })
  if (declared.length === 0) throw new Error(`"${path}" does not declare ${name}`)
  return declared
}

/** Without comments and private fields, and however it is indented. */
function tidy(text: string): string {
  return text
    .replaceAll(/\/\*[^]*?\*\//g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && line !== "#private;" && !line.startsWith("private "))
    .join("\n")
}

function sourceAt(path: string, { sources }: Context): Source {
  const known = sources.get(path)
  if (known !== undefined) return known
  const text = readFileSync(path, "utf8")
  const { program, module } = parseSync(path, text)
  const entries = module.staticExports.flatMap((statement) => statement.entries)
  const source: Source = {
    path,
    text,
    body: program.body as unknown as readonly Declared[],
    exports: new Map(
      entries.flatMap(({ exportName, importName, localName, moduleRequest }) =>
        exportName.name === null
          ? []
          : [
              [
                exportName.name,
                { from: moduleRequest?.value ?? null, name: importName.name ?? localName.name ?? exportName.name },
              ],
            ],
      ),
    ),
    stars: entries.flatMap(({ exportName, moduleRequest }) =>
      exportName.name === null && moduleRequest !== null ? [moduleRequest.value] : [],
    ),
    imports: new Map(
      module.staticImports.flatMap(({ moduleRequest, entries: names }) =>
        names.map(({ importName, localName }) => [
          localName.value,
          { from: moduleRequest.value, name: importName.name ?? localName.value },
        ]),
      ),
    ),
  }
  sources.set(path, source)
  return source
}

function locate(specifier: string, from: string, context: Context): string {
  const found = locateOrNull(specifier, from, context)
  if (found === null) throw new Error(`"${from}" names "${specifier}", which is not found`)
  return found
}

/** The declarations of a module of ours; null for others. */
function locateOrNull(specifier: string, from: string, { packages }: Context): string | null {
  if (specifier.startsWith(".")) return resolve(dirname(from), specifier.replace(/\.[jt]s$/, ".d.ts"))
  const [, folder, rest] = /^@mayfly\/([\w-]+)(\/.+)?$/.exec(specifier) ?? []
  if (folder === undefined) return null
  const root = join(packages, folder)
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, { types: string }>
  }
  const path = join(root, exports[rest === undefined ? "." : `.${rest}`]?.types ?? "")
  return existsSync(path) ? path : null
}
